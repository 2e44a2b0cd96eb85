"""The power cut between write and fsync: what was called safe is there, and no half blob bears a whole one's name."""

import hashlib
from pathlib import Path

import pytest
from faulty_parts import faulty
from power import Power, PowerOff

from gateway.installation import repository as installation
from gateway.store import Blob, BlobDamaged, FolderBlobs

CONTENT = bytes(range(256)) * 700
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEY = f"{SHA256[:2]}/{SHA256[2:4]}/{SHA256}"


def written(blobs: FolderBlobs) -> Blob:
    writer = blobs.create()
    for start in range(0, len(CONTENT), 1000):
        writer.write(CONTENT[start : start + 1000])
    return writer.commit()


def test_a_file_that_nobody_synced_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    power = Power(tmp_path, monkeypatch)
    (tmp_path / "file").write_bytes(CONTENT)
    power.cut()
    assert list(tmp_path.iterdir()) == []


def test_what_was_committed_is_there_after_a_power_cut(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    power = Power(blobs.root, monkeypatch)
    blob = written(blobs)
    power.cut()
    FolderBlobs(blobs.root).verify(blob)


@pytest.mark.parametrize("step", range(1, 7))
def test_a_power_cut_at_any_step_leaves_the_blob_whole_or_not_at_all(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    power = Power(blobs.root, monkeypatch, fails_at=step)
    try:
        written(blobs)
    except PowerOff:
        power.cut()
    after = FolderBlobs(blobs.root)
    if after.exists(KEY):
        after.verify(Blob(key=KEY, sha256=SHA256, size=len(CONTENT)))
    assert power.steps <= step


def test_the_steps_of_a_commit_are_all_tried(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    power = Power(blobs.root, monkeypatch)
    written(blobs)
    assert 3 <= power.steps < 7


def test_a_blob_renamed_before_it_was_synced_would_be_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    power = Power(blobs.root, monkeypatch)
    place = blobs.root / KEY
    unfinished = blobs.root / "unfinished" / "1"
    unfinished.write_bytes(CONTENT)
    blobs.keep(unfinished, SHA256)
    power.cut()
    assert place.exists()
    with pytest.raises(BlobDamaged):
        blobs.verify(Blob(key=KEY, sha256=SHA256, size=len(CONTENT)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_all_blobs_of_an_acknowledged_document_outlive_a_power_cut(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with faulty(database_url, tmp_path) as one:
        power = Power(one.folder, monkeypatch)
        await one.acknowledged(await one.laid("1"))
        async with one.store.snapshot() as tx:
            named = [blob async for blob in installation.every_blob(tx)]
        folder = one.folder
    power.cut()
    for blob in named:
        FolderBlobs(folder).verify(blob)
    assert len(named) == 2
