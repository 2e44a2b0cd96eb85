"""clamd's protocol, against a real clamd and against servers that misbehave. What is not known is never clean."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import clamd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_files import Held, zipped

from gateway.inspection import InspectionSettings
from gateway.inspection.antivirus import (
    Clamd,
    Clean,
    Infected,
    NoAntivirus,
    NotScanned,
    Reason,
    Verdict,
    antivirus_of,
    verdict_of,
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clamd.Clamd]:
    """A clamd that takes a megabyte."""
    with clamd.running(tmp_path_factory.mktemp("clamd"), {"StreamMaxLength": "1M"}) as running:
        yield running


async def scanned(address: str, content: bytes, **more: object) -> Verdict:
    settings = InspectionSettings.model_validate({"antivirus_address": address, **more})
    return await Clamd(settings).scan(Held(content))


@pytest.mark.parametrize("way", ["unix", "tcp"])
async def test_a_clean_file_is_clean(daemon: clamd.Clamd, way: str) -> None:
    assert await scanned(getattr(daemon, way), b"%PDF-1.7\n" + bytes(600_000)) == Clean()


@pytest.mark.parametrize("way", ["unix", "tcp"])
async def test_malware_is_named(daemon: clamd.Clamd, way: str) -> None:
    assert await scanned(getattr(daemon, way), bytes(300_000) + clamd.MALWARE) == Infected(clamd.MALWARE_NAME)


async def test_malware_in_an_archive_is_named(daemon: clamd.Clamd) -> None:
    assert await scanned(daemon.unix, zipped({"a.txt": clamd.MALWARE})) == Infected(clamd.MALWARE_NAME)


async def test_an_empty_file_is_clean(daemon: clamd.Clamd) -> None:
    assert await scanned(daemon.unix, b"") == Clean()


@pytest.mark.parametrize("way", ["unix", "tcp"])
async def test_a_file_over_the_daemons_limit_is_not_scanned(daemon: clamd.Clamd, way: str) -> None:
    content = bytes(8_000_000) + clamd.MALWARE
    assert await scanned(getattr(daemon, way), content) == NotScanned(Reason.OVER_LIMIT)


async def test_a_file_over_our_limit_is_not_even_sent(daemon: clamd.Clamd) -> None:
    assert await scanned(daemon.unix, bytes(1001), antivirus_max_bytes=1000) == NotScanned(Reason.OVER_LIMIT)


async def test_a_file_that_the_daemon_read_only_in_part_is_not_scanned(tmp_path: Path) -> None:
    limits = {"MaxFileSize": "100K", "MaxScanSize": "100K", "AlertExceedsMax": "yes"}
    with clamd.running(tmp_path / "clamd", limits) as daemon:
        verdict = await scanned(daemon.unix, zipped({"a.bin": bytes(200_000)}) + bytes(300_000))
    assert verdict == NotScanned(Reason.OVER_LIMIT)


async def test_many_files_are_scanned_at_once(daemon: clamd.Clamd) -> None:
    contents = [clamd.MALWARE if n % 2 else b"%d" % n for n in range(20)]
    verdicts = await asyncio.gather(*(scanned(daemon.unix, one) for one in contents))
    assert verdicts == [Infected(clamd.MALWARE_NAME) if n % 2 else Clean() for n in range(20)]


async def test_without_an_address_nothing_is_scanned() -> None:
    antivirus = antivirus_of(InspectionSettings())
    assert isinstance(antivirus, NoAntivirus)
    assert await antivirus.scan(Held(b"x")) == NotScanned(Reason.OFF)


async def test_no_daemon_at_a_socket_is_unreachable(tmp_path: Path) -> None:
    assert await scanned(f"unix:{tmp_path}/none", b"x") == NotScanned(Reason.UNREACHABLE)


async def test_no_daemon_at_a_port_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert await scanned(f"tcp:127.0.0.1:{port}", b"x") == NotScanned(Reason.UNREACHABLE)


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(path: Path, behaviour: Behaviour) -> AsyncIterator[str]:
    """Something at a socket that is no clamd."""

    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await behaviour(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_unix_server(accept, path):
        yield f"unix:{path}"
        await asyncio.gather(*served)


def answering(text: bytes) -> Behaviour:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while not data.endswith(bytes(4)):
            data += await reader.read(2**20)
        writer.write(text)
        await writer.drain()

    return answer


@pytest.mark.parametrize("text", [b"", b"\0", b"stream: OK", b"stream: ", b"OK\0", b"stream: OK \0", b"x" * 10_000])
async def test_an_answer_that_is_none_is_an_error(tmp_path: Path, text: bytes) -> None:
    async with server(tmp_path / "s", answering(text)) as address:
        assert await scanned(address, b"x" * 10) == NotScanned(Reason.ERROR)


async def test_a_daemon_that_hangs_up_in_the_middle_is_an_error(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(100)

    async with server(tmp_path / "s", hang_up) as address:
        assert await scanned(address, bytes(5_000_000)) == NotScanned(Reason.ERROR)


async def test_ok_before_the_end_is_not_clean(tmp_path: Path) -> None:
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100)
        writer.write(b"stream: OK\0")
        await writer.drain()

    async with server(tmp_path / "s", hasty) as address:
        assert await scanned(address, bytes(5_000_000)) == NotScanned(Reason.ERROR)


async def test_a_daemon_that_never_answers_times_out(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with server(tmp_path / "s", silent) as address:
        assert await scanned(address, b"x", antivirus_answer_seconds=0.05) == NotScanned(Reason.TIMEOUT)


async def test_a_daemon_that_does_not_read_times_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "s"))
        deaf.listen()
        verdict = await scanned(f"unix:{tmp_path}/s", bytes(20_000_000), antivirus_idle_seconds=0.2)
    assert verdict == NotScanned(Reason.TIMEOUT)


@given(answer=st.binary(max_size=60) | st.text(max_size=30).map(lambda text: f"stream: {text} FOUND\0".encode()))
def test_only_one_answer_means_clean(answer: bytes) -> None:
    verdict = verdict_of(answer, sent=5, size=5)
    assert isinstance(verdict, Clean) == (answer == b"stream: OK\0")
    assert str(verdict).isascii()
    assert len(str(verdict)) <= 100
