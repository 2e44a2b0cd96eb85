"""A large or slow dispatch never holds up small urgent ones; and what there is no room for is refused before it is stored."""

import ctypes
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from parts import missing
from world import (
    PARTNER,
    SENDER,
    SENDING,
    XLSX,
    Axis,
    Json,
    Node,
    a_document,
    axis,
    id_of,
    node,
    node_settings,
    prepare,
    until,
)

from gateway.directory import connections

pytest_plugins = ["scenario_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("quiet")]

MB = 1024 * 1024


@asynccontextmanager
async def sending(url: str, folder: Path, **more: str) -> AsyncIterator[tuple[Axis, Node]]:
    """A sending gateway at an axis of its own, which knows the receiver."""
    async with axis(folder / "axis") as simulated:
        wanted = node_settings(url, folder, **more)
        key = await prepare(wanted, simulated.address, folder, SENDING, [SENDER])
        async with node(wanted, key) as sender:

            async def listed() -> bool:
                return (await sender.get(f"/v1/agencies/{PARTNER}")).status_code == 200

            await until(listed)
            yield simulated, sender


def with_file(priority: int = 0) -> Json:
    """A document with one file."""
    document = a_document(to=(PARTNER,), other_info={"priority": priority})
    return {**document, "attachments": [{"attachment_name": "large.pdf"}]}


async def test_while_large_and_ordinary_sends_hang_urgent_ones_leave_at_once(
    databases: Callable[[str], str], tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(21 * MB))
    async with sending(databases(tmp_path.name), tmp_path) as (simulated, sender):
        await simulated.fault("hang@sendEdoc")
        slow = [await sender.sent(with_file(), [large])]
        medium = tmp_path / "medium.bin"
        medium.write_bytes(os.urandom(6 * MB))
        slow += [await sender.sent(with_file(3), [medium]) for _ in range(2)]
        slow += [await sender.sent(a_document(to=(PARTNER,))) for _ in range(8)]

        async def states() -> list[str]:
            return [(await sender.document(address))["state"] for address in slow]

        async def stuck() -> bool:
            return (await states()).count("sending") == 2

        await until(stuck)
        await sender.poll()
        assert (await states()).count("sending") == 2  # of four places one is for urgent packets and one for calls
        await simulated.healthy()  # what hangs goes on hanging
        urgent = [a_document(to=(PARTNER,), other_info={"priority": level}) for level in (1, 2, 3)]
        for address in [await sender.sent(one, [XLSX, XLSX]) for one in urgent]:
            await sender.until_state(address, "sent")
        assert (await states()).count("sending") == 2
        sent = {one["document_id"] for one in (await simulated.ledger())["packets"]}
        assert {id_of(one) for one in urgent} <= sent


# back-pressure


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", str(folder).encode(), b"tmpfs", 0, b"size=40m") != 0:
        missing("Full disk", f"a small file system cannot be mounted here ({os.strerror(ctypes.get_errno())})")
    yield folder
    libc.umount2(str(folder).encode(), 2)


def stored(folder: Path) -> int:
    """Bytes of files below a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


async def test_what_the_disk_has_no_room_for_is_refused_before_anything_is_stored(
    databases: Callable[[str], str], tmp_path: Path, small_disk: Path
) -> None:
    blobs = {"GATEWAY_BLOB_URL": str(small_disk / "blobs"), "GATEWAY_DISK_FREE_MB": "10"}
    file = tmp_path / "large.bin"
    async with sending(databases(tmp_path.name), tmp_path, **blobs) as (_, sender):
        before = stored(small_disk)
        file.write_bytes(os.urandom(13 * MB))  # itself would fit, its packet beside it would not
        refused = await sender.hand_over(with_file(), [file])
        assert (refused.status_code, refused.json()["code"]) == (503, "gateway.full")
        assert int(refused.headers["Retry-After"]) > 0
        assert stored(small_disk) == before
        file.write_bytes(os.urandom(1 * MB))
        await sender.until_state(await sender.sent(with_file(), [file]), "sent")


async def test_a_disk_that_runs_full_in_mid_body_keeps_nothing_of_it(
    databases: Callable[[str], str], tmp_path: Path, small_disk: Path
) -> None:
    """A body of no declared length, which nobody can weigh beforehand."""
    blobs = {"GATEWAY_BLOB_URL": str(small_disk / "blobs"), "GATEWAY_DISK_FREE_MB": "10"}
    async with sending(databases(tmp_path.name), tmp_path, **blobs) as (_, sender):
        before = stored(small_disk)

        async def endless() -> AsyncIterator[bytes]:
            yield _START
            for _ in range(60):
                yield os.urandom(MB)

        try:
            answer = await sender.http.post(
                "/v1/documents", content=endless(), headers={"Content-Type": "multipart/form-data; boundary=b"}
            )
        except httpx2.TransportError:
            pass  # it was cut off, which is an answer too
        else:
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0

        async def clean() -> bool:
            return stored(small_disk) == before

        await until(clean)
        assert (await sender.get("/v1/documents", direction="out")).json()["items"] == []
        await sender.until_state(await sender.sent(a_document(to=(PARTNER,))), "sent")


async def test_a_queue_past_its_mark_takes_nothing_new_and_still_answers_what_it_has(
    databases: Callable[[str], str], tmp_path: Path
) -> None:
    async with sending(databases(tmp_path.name), tmp_path, GATEWAY_QUEUE_MARK="1") as (_, sender):
        await sender.change(connections.stop, "operator")
        first, key = a_document(to=(PARTNER,)), {"Idempotency-Key": "the-first"}
        address = await sender.sent(first, headers=key)

        async def full() -> bool:
            answer = await sender.hand_over(a_document(to=(PARTNER,)))
            return answer.status_code == 503 and answer.json()["code"] == "gateway.full"

        await until(full)
        again = await sender.hand_over(first, headers=key)
        assert (again.status_code, again.headers["location"]) == (202, address)
        before = len((await sender.get("/v1/documents", direction="out", limit=200)).json()["items"])
        assert (await sender.hand_over(a_document(to=(PARTNER,)))).headers["Retry-After"] == "60"
        assert len((await sender.get("/v1/documents", direction="out", limit=200)).json()["items"]) == before
        await sender.change(connections.resume)
        await sender.until_state(address, "sent")

        async def taken() -> bool:
            return (await sender.hand_over(a_document(to=(PARTNER,)))).status_code == 202

        await until(taken)


_START = (
    b'--b\r\nContent-Disposition: form-data; name="document"\r\nContent-Type: application/json\r\n\r\n'
    + json.dumps(with_file()).encode()
    + b'\r\n--b\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\n'
)
