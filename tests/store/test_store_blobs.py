"""Blobs are whole, named by their content, and durable before anyone hears of them."""

import ctypes
import hashlib
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clocks import FakeClock
from disks import small_disk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unmeasured import unmeasured

from gateway.axis.port import PacketSource
from gateway.edxml.sinks import Sink, Source
from gateway.problems import Problem
from gateway.store import Blob, BlobMissing, Blobs, BlobWriter, FolderBlobs


def kept(blobs: Blobs, content: bytes) -> Blob:
    with blobs.create() as writer:
        writer.write(content)
        return writer.commit()


def read(blobs: Blobs, key: str) -> bytes:
    with blobs.open(key) as file:
        return file.read()


def files(blobs: FolderBlobs) -> list[Path]:
    return [path for path in blobs.root.rglob("*") if path.is_file()]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=200), max_size=6))
def test_what_was_written_in_pieces_comes_back_whole_under_its_hash(blobs: FolderBlobs, pieces: list[bytes]) -> None:
    with blobs.create() as writer:
        for piece in pieces:
            writer.write(piece)
        blob = writer.commit()
    content = b"".join(pieces)
    digest = hashlib.sha256(content).hexdigest()
    assert blob == Blob(key=f"{digest[:2]}/{digest[2:4]}/{digest}", sha256=digest, size=len(content))
    assert read(blobs, blob.key) == content


def test_the_same_content_is_kept_once(blobs: FolderBlobs) -> None:
    assert kept(blobs, b"same") == kept(blobs, b"same")
    assert len(files(blobs)) == 1


def test_a_reader_keeps_what_it_has_open_while_the_same_content_is_kept_again(blobs: FolderBlobs) -> None:
    blob = kept(blobs, b"same")
    with blobs.open(blob.key) as file:
        kept(blobs, b"same")
        assert file.read() == b"same"


def test_many_threads_may_keep_the_same_content_at_once(blobs: FolderBlobs) -> None:
    found: list[Blob] = []
    threads = [threading.Thread(target=lambda: found.append(kept(blobs, b"same"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found)), len(files(blobs))) == (8, 1, 1)


def test_a_file_and_its_names_are_synced_before_commit_returns(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def recorded_sync(handle: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{handle}")).relative_to(blobs.root).parts
        done.append("sync " + (place[0] if place else "root"))
        sync(handle)

    def recorded_replace(old: Path, new: Path) -> None:
        done.append("rename")
        replace(old, new)

    with blobs.create() as writer:
        writer.write(b"content")
        monkeypatch.setattr(os, "fsync", recorded_sync)
        monkeypatch.setattr(os, "replace", recorded_replace)
        folder = writer.commit().key[:2]
    assert done == ["sync unfinished", "sync root", f"sync {folder}", "rename", f"sync {folder}"]


def test_a_discarded_file_leaves_nothing(blobs: FolderBlobs) -> None:
    writer = blobs.create()
    writer.write(b"content")
    writer.discard()
    writer.discard()
    assert files(blobs) == []


def test_a_block_that_raises_discards_its_file(blobs: FolderBlobs) -> None:
    def fail() -> None:
        with blobs.create() as writer:
            writer.write(b"content")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert files(blobs) == []


def test_discarding_after_the_commit_changes_nothing(blobs: FolderBlobs) -> None:
    writer = blobs.create()
    writer.write(b"content")
    blob = writer.commit()
    writer.discard()
    assert (writer.commit(), read(blobs, blob.key)) == (blob, b"content")


def test_what_was_written_so_far_can_be_read_before_and_after_the_commit(blobs: FolderBlobs) -> None:
    with blobs.create() as writer:
        writer.write(b"first")
        with writer.reopen() as file:
            assert (file.seekable(), file.read()) == (True, b"first")
        writer.write(b" second")
        writer.commit()
        with writer.reopen() as file:
            assert file.read() == b"first second"


def test_nothing_can_be_added_after_the_commit(blobs: FolderBlobs) -> None:
    with blobs.create() as writer:
        writer.commit()
        with pytest.raises(ValueError):
            writer.write(b"late")


def test_a_source_is_read_from_its_beginning_each_time(blobs: FolderBlobs) -> None:
    source = blobs.source(kept(blobs, b"content"))
    for _ in range(2):
        with source.open() as file:
            assert file.read() == b"content"
    assert (source.size, source.sha256) == (7, hashlib.sha256(b"content").hexdigest())


def test_blobs_fit_where_the_packet_engine_and_the_axis_ask_for_them(blobs: FolderBlobs) -> None:
    everything: Blobs = blobs
    writer: BlobWriter = everything.create()
    sink: Sink = writer
    source: Source = everything.source(writer.commit())
    packet: PacketSource = everything.source(writer.commit())
    assert sink.size == source.size == packet.size == 0


def test_a_missing_blob_says_so(blobs: FolderBlobs) -> None:
    blob = kept(blobs, b"content")
    (blobs.root / blob.key).unlink()
    assert not blobs.exists(blob.key)
    with pytest.raises(BlobMissing):
        blobs.source(blob).open()


@pytest.mark.parametrize(
    "key",
    [
        *("", "..", "../secret", "/etc/passwd", "unfinished", "\0", "ab/cd/../../secret", "ab/cd/" + "ab" * 32 + "\n"),
        *("AB/CD/" + "ABCD" + "0" * 60, "ab/ce/abcd" + "0" * 60),
    ],
)
def test_no_key_leads_out_of_the_folder(blobs: FolderBlobs, key: str) -> None:
    (blobs.root.parent / "secret").write_bytes(b"not yours")
    assert not blobs.exists(key)
    with pytest.raises(BlobMissing):
        blobs.open(key)


def test_only_old_unfinished_files_are_swept(blobs: FolderBlobs, clock: FakeClock) -> None:
    abandoned, young = blobs.create(), blobs.create()
    abandoned.write(b"of a process that died")
    old, new = sorted(files(blobs), key=lambda path: path.stat().st_size, reverse=True)
    os.utime(old, (clock().timestamp() - 90_000,) * 2)
    os.utime(new, (clock().timestamp() - 60,) * 2)
    done = kept(blobs, b"content")
    assert blobs.sweep(clock() - timedelta(days=1)) == 1
    assert (old.exists(), new.exists(), blobs.exists(done.key)) == (False, True, True)
    young.discard()
    abandoned.discard()


def test_the_folder_is_for_us_alone(blobs: FolderBlobs) -> None:
    blob = kept(blobs, b"content")
    path = blobs.root / blob.key
    assert {oct(place.stat().st_mode & 0o077) for place in (blobs.root, path, path.parent)} == {"0o0"}


def test_a_probe_leaves_nothing(blobs: FolderBlobs) -> None:
    blobs.probe()
    assert (files(blobs), blobs.free_bytes() > 0) == ([], True)


def test_a_folder_that_is_gone_is_a_problem_with_a_name(blobs: FolderBlobs) -> None:
    for folder in (blobs.root / "unfinished", blobs.root):
        folder.rmdir()
    with pytest.raises(Problem, match=r"blob\.disk_error"):
        blobs.probe()


def test_a_file_over_the_system_limit_is_a_full_disk_and_leaves_nothing(tmp_path: Path) -> None:
    script = f"""
import resource, sys
from pathlib import Path
from gateway.problems import Problem
from gateway.store import FolderBlobs
blobs = FolderBlobs(Path({str(tmp_path)!r}) / "blobs")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
writer = blobs.create()
try:
    writer.write(bytes(60_000))
    writer.write(bytes(60_000))
except Problem as problem:
    left = [path for path in blobs.root.rglob("*") if path.is_file()]
    sys.exit(0 if problem.code == "blob.disk_full" and not left else f"{{problem}}, left {{left}}")
sys.exit("written")
"""
    # unmeasured: what coverage writes at the end would be over the limit too
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=unmeasured())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def one_megabyte(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    with small_disk(tmp_path / "disk", 1) as folder:
        yield folder


def test_a_full_disk_is_a_problem_that_names_it_and_leaves_nothing(one_megabyte: Path) -> None:
    blobs = FolderBlobs(one_megabyte / "blobs")
    small = kept(blobs, b"what was there")
    writer = blobs.create()

    def fill() -> None:
        for _ in range(40):
            writer.write(bytes(65536))

    with pytest.raises(Problem, match=r"blob\.disk_full") as caught:
        fill()
    assert caught.value.action.vi
    assert files(blobs) == [blobs.root / small.key]
    assert kept(blobs, bytes(300_000)).size == 300_000


def test_a_read_only_disk_is_a_problem_that_names_it(one_megabyte: Path) -> None:
    blobs = FolderBlobs(one_megabyte / "blobs")
    remount, read_only = 32, 1
    assert ctypes.CDLL(None).mount(b"none", str(one_megabyte).encode(), b"tmpfs", remount | read_only, None) == 0
    with pytest.raises(Problem, match=r"blob\.read_only"):
        blobs.create()


def test_the_limit_of_the_full_disk_test_is_not_ours() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_thousand_unfinished_blobs_hold_no_file_open(blobs: FolderBlobs) -> None:
    before = len(os.listdir("/proc/self/fd"))
    writers = [blobs.create() for _ in range(1000)]
    for writer in writers:
        writer.write(b"x" * 100_000)
    assert len(os.listdir("/proc/self/fd")) <= before + 1
    for writer in writers:
        writer.discard()


def test_a_folder_that_has_a_name_keeps_it_whoever_comes_second(blobs: FolderBlobs) -> None:
    blobs.name_folder("a" * 32)
    blobs.name_folder("b" * 32)
    assert blobs.folder_id() == "a" * 32
    assert list((blobs.root / "unfinished").iterdir()) == []
