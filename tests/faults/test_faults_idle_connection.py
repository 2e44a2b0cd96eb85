"""A connection that a document system does not use for a while is not closed under it."""

import asyncio
import shutil
from pathlib import Path

import pytest
from processes import Home

pytestmark = pytest.mark.process

PATIENCE = 7
"""Seconds; uvicorn would close after 5 if it were not told otherwise."""


async def test_a_connection_without_a_request_stays_open(sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "node.db")
    async with Home(f"sqlite:///{tmp_path}/node.db", tmp_path, key="").running() as process:
        address = process.http.base_url
        reader, writer = await asyncio.open_connection(address.host, address.port)
        await _ask(reader, writer)
        with pytest.raises(TimeoutError):  # were it closed, this would read nothing
            await asyncio.wait_for(reader.read(1), PATIENCE)
        await _ask(reader, writer)
        writer.close()
        await writer.wait_closed()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200 ")
    await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
