"""The API behind a real server on a real socket: cut bodies, answers before the body, long polls that lose their client."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
import structlog
import uvicorn
from api_bodies import BOUNDARY, document, upload
from api_parts import OWN, Api, until
from arrivals import arrive

from gateway.api.logging import configure
from gateway.api.settings import ApiSettings

pytest_plugins = ["api_fixtures"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PDF = b"%PDF-1.4\n" + b"x" * 4_000_000


@pytest.fixture
def api_settings() -> ApiSettings:
    """Room for a file that is on disk before it is whole; little patience."""
    return ApiSettings(body_idle_seconds=1, client_cache_seconds=0)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What is logged, as it would stand on standard output."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("INFO", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest_asyncio.fixture
async def port(api: Api, logged: io.StringIO) -> AsyncIterator[int]:
    """The API on a free port."""
    config = uvicorn.Config(
        api.app, port=0, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server._serve())  # serve() would take the test's signal handlers
    await until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def head(key: str, length: int, *more: str, path: str = "/v1/documents", media: str = "") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: gateway",
        f"Authorization: Bearer {key}",
        f"Content-Type: {media or f'multipart/form-data; boundary={BOUNDARY}'}",
        f"Content-Length: {length}",
        *more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def requests(logged: io.StringIO) -> list[tuple[str, int]]:
    written = [json.loads(line) for line in logged.getvalue().splitlines()]
    return [(line["route"], line["status"]) for line in written if line["event"] == "request"]


async def test_a_body_cut_half_way_leaves_nothing_and_no_traceback(api: Api, port: int, logged: io.StringIO) -> None:
    body = upload(document(["a.pdf"]), [PDF])
    async with connected(port) as (_, writer):
        writer.write(head(api.key, len(body)) + body[: len(body) // 2])
        await writer.drain()
        await until(lambda: bool(api.files()))
    await until(lambda: bool(requests(logged)))
    assert requests(logged) == [("/v1/documents", 499)]
    assert api.files() == []
    assert "Traceback" not in logged.getvalue()
    async with api.client() as http:
        assert (await http.get("/v1/documents")).json()["items"] == []


async def test_a_stranger_is_answered_while_the_body_still_waits(api: Api, port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(head("ltg_aaaaaaaa_" + "x" * 43, 150_000))
        assert b" 401 " in await asyncio.wait_for(reader.readline(), 5)


async def test_who_waits_for_100_continue_is_refused_without_it(api: Api, port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(head("wrong", 150_000, "Expect: 100-continue"))
        assert b" 401 " in await asyncio.wait_for(reader.readline(), 5)


async def test_who_may_send_is_told_to_continue(api: Api, port: int) -> None:
    body = upload(document(), [])
    async with connected(port) as (reader, writer):
        writer.write(head(api.key, len(body), "Expect: 100-continue"))
        assert b" 100 " in await asyncio.wait_for(reader.readline(), 5)
        writer.write(body)
        await reader.readline()
        assert b" 202 " in await asyncio.wait_for(reader.readline(), 5)


async def test_a_trickle_is_given_up(api: Api, port: int, logged: io.StringIO) -> None:
    async with connected(port) as (reader, writer):
        writer.write(head(api.key, 1000) + b"--")
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
    assert api.files() == []


async def test_a_claim_whose_client_went_away_claims_nothing(api: Api, port: int, logged: io.StringIO) -> None:
    wish = b'{"wait": 60}'
    async with connected(port) as (_, writer):
        writer.write(head(api.key, len(wish), path="/v1/inbox:claim", media="application/json") + wish)
        await writer.drain()
        await asyncio.wait_for(_read_by_server(api), 5)
    await until(lambda: bool(requests(logged)))
    await arrive(api, OWN)
    api.clock.advance(timedelta(seconds=1).total_seconds())
    async with api.client() as http:
        assert len((await http.post("/v1/inbox:claim", json={})).json()["items"]) == 1
    assert requests(logged)[0] == ("/v1/inbox:claim", 499)


async def _read_by_server(api: Api) -> None:
    """Until the claim has looked once and waits for the bell."""
    bell = api.feed._bell
    rung = bell._rung
    while not rung._waiters:
        await asyncio.sleep(0.005)
