"""The least that the work can cost, each by itself: a commit, a file safe on disk, an HTTP request.

`python -m bench.bare` is the server for the last: it reads each body to its end and answers three bytes.
"""

import asyncio
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import uvicorn
from starlette.types import Receive, Scope, Send

from bench.line import Line
from bench.postgres import Postgres
from bench.traffic import FILE_BYTES

_COMMITS, _FILES, _POSTS = 200, 200, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """Seconds of one of each, one after another."""

    commit: float
    file: float
    post: float
    ask: float

    def seconds(self, *, commits: int = 0, files: int = 0, posts: int = 0, asks: int = 0) -> float:
        """What so many take one after another; `posts` carry 100 kB one way, `asks` next to nothing."""
        return commits * self.commit + files * self.file + posts * self.post + asks * self.ask


async def measure(folder: Path, postgres: Postgres | None) -> Bare:
    """Measure all."""
    commit = _sqlite_commit(folder / "bare.db") if postgres is None else _postgresql_commit(postgres)
    file = _file(folder)
    post, ask = await _requests()
    return Bare(commit=commit, file=file, post=post, ask=ask)


def _sqlite_commit(path: Path) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE bare (number INTEGER PRIMARY KEY, text TEXT)")

    def commit(number: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bare VALUES (?, ?)", (number, "x" * 500))
        connection.execute("COMMIT")

    try:
        return _each(commit, _COMMITS)
    finally:
        connection.close()


def _postgresql_commit(postgres: Postgres) -> float:
    with psycopg.connect(postgres.url("postgres")) as connection:
        connection.execute("CREATE TABLE bare (number INTEGER PRIMARY KEY, text TEXT)")
        connection.commit()

        def commit(number: int) -> None:
            connection.execute("INSERT INTO bare VALUES (%s, %s)", (number, "x" * 500))
            connection.commit()

        seconds = _each(commit, _COMMITS)
        connection.execute("DROP TABLE bare")
    return seconds


def _file(folder: Path) -> float:
    """100 kB written, synced, renamed, and its folder synced."""
    data = os.urandom(FILE_BYTES)

    def keep(number: int) -> None:
        handle = os.open(folder / "unfinished", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(handle, data)
        os.fsync(handle)
        os.close(handle)
        os.replace(folder / "unfinished", folder / f"bare-{number}")
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(handle)
        os.close(handle)

    return _each(keep, _FILES)


async def _requests() -> tuple[float, float]:
    server = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.bare", stdout=asyncio.subprocess.PIPE)
    try:
        assert server.stdout is not None
        line = Line((await server.stdout.readline()).decode().strip())
        body = os.urandom(FILE_BYTES)
        seconds = []
        for data in (body, b"x"):
            began = time.perf_counter()
            for _ in range(_POSTS):
                await line.ask("POST", "/", data)
            seconds.append((time.perf_counter() - began) / _POSTS)
        line.close()
        return seconds[0], seconds[1]
    finally:
        server.terminate()
        await server.wait()


def _each(call: Callable[[int], None], times: int) -> float:
    began = time.perf_counter()
    for number in range(times):
        call(number)
    return (time.perf_counter() - began) / times


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ok\n"})


def _serve() -> None:
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # else asyncio leaves Nagle's algorithm on
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(_answer, lifespan="off", log_config=None, access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    _serve()
