"""`python -m bench.large_document`: one large file through two gateways and a simulated axis, as real processes.

API upload → packet → axis → packet → API download. Says how long each leg takes and how much each gateway process
grows (peak of its resident memory against what was resident when it was idle). Exit 1 when one grows more than 64 MB,
or when the file does not arrive byte for byte.
"""

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, TypeVar

import httpx2

from bench.memory import forget_peak, resident
from bench.page import machine, put, table
from demo.agency import Agency, UnitSpec
from demo.processes import Processes, StepFailed

MB = 1000 * 1000
GROWTH = 64 * 1024
"""kB that a gateway may grow by."""
LEG_SECONDS = 900.0
SECRET = "AbenchSecretBenchSecretBenchSecretBenchSec0="
SENDER, RECEIVER = UnitSpec(code="H99", name="UBND tỉnh Giả Định"), UnitSpec(code="H99.07", name="Sở Kiểm thử")
NAME = "phu-luc-1.pdf"

T = TypeVar("T")


def main() -> int:
    """Carry the file, print the table; 1 when a process grew too much or a step did not happen."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-large-", dir=options.folder) as temporary:
        folder = Path(temporary)
        processes = Processes(folder)
        try:
            lines, over = _carry(processes, folder, options.mb * MB)
        except StepFailed as failure:
            print(f"did not happen: {failure}", file=sys.stderr)
            for log in sorted(folder.glob("*.log")):
                print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-8:], sep="\n", file=sys.stderr)
            return 1
        finally:
            processes.stop()
    print("\n".join(lines))
    if options.mb == _DEFAULT_MB and not options.no_page:
        put("large document", lines)
    return 1 if over else 0


def _carry(processes: Processes, folder: Path, size: int) -> tuple[list[str], bool]:
    file = folder / NAME
    wanted = _write(file, size)
    sender, receiver = _set_up(processes, folder)
    with closing(_System(sender)) as giving, closing(_System(receiver)) as taking:
        watched = {name: _Watched(processes.pid(name)) for name in ("gateway-sender", "gateway-receiver", "axis")}
        legs = _Legs()
        address = legs.timed("upload to the sender's API", lambda: giving.upload(file))
        legs.timed("packet built, sent, taken by the axis", lambda: giving.until_sent(address))
        claimed = legs.timed("fetched, read, in the receiver's inbox", taking.until_claimed)
        found = legs.timed("download from the receiver's API", lambda: taking.download(claimed))
    if found != wanted:
        raise StepFailed("the file that arrived is not the file that was sent")
    lines = [f"{size / MB:g} MB, measured on {machine()}.", "", *legs.table(size), ""]
    lines += table(
        ["process", "idle", "peak", "growth", "target", ""],
        [one.row(name, bounded=name != "axis") for name, one in watched.items()],
    )
    return lines, any(one.growth > GROWTH for name, one in watched.items() if name != "axis")


def _write(file: Path, size: int) -> str:
    """A file of random bytes; its SHA-256."""
    chance, digest = random.Random(size), hashlib.sha256()
    with file.open("wb") as out:
        for at in range(0, size, MB):
            piece = chance.randbytes(min(MB, size - at))
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


def _set_up(processes: Processes, folder: Path) -> tuple[Agency, Agency]:
    systems = [f"00.99.W00:{SECRET}:{SENDER.code}", f"00.98.W00:{SECRET}:{RECEIVER.code}"]
    arguments = ["axis-sim", "--port", "0", *(part for system in systems for part in ("--system", system))]
    axis = processes.start("axis", arguments, {})
    sender = Agency(name=SENDER.name, system_id="00.99.W00", units=(SENDER,), folder=folder / "sender")
    receiver = Agency(name=RECEIVER.name, system_id="00.98.W00", units=(RECEIVER,), folder=folder / "receiver")
    for agency in (sender, receiver):
        agency.set_up(processes, axis, SECRET)
    sender.wait_for_directory(RECEIVER.code)
    return sender, receiver


class _System:
    """An agency's document system that streams: it holds no file in memory."""

    def __init__(self, agency: Agency) -> None:
        self._agency = agency
        self._http = httpx2.Client(
            base_url=agency.address, headers={"Authorization": f"Bearer {agency.key}"}, timeout=LEG_SECONDS
        )

    def upload(self, file: Path) -> str:
        """The document's address."""
        with file.open("rb") as content:
            parts: list[tuple[str, tuple[str, IO[bytes] | bytes, str]]] = [
                ("document", ("document.json", json.dumps(_document()).encode(), "application/json")),
                ("files", (file.name, content, "application/octet-stream")),
            ]
            answer = self._http.post("/v1/documents", files=parts, headers={"Idempotency-Key": "bench-1"})
        if answer.status_code != 202:
            raise StepFailed(f"the document was not taken over: {answer.text}")
        return str(answer.headers["Location"])

    def until_sent(self, address: str) -> None:
        """Until the axis has it."""

        def sent() -> bool:
            answer = self._http.get(address)
            answer.raise_for_status()
            state = answer.json()["state"]
            if state in ("refused", "unknown"):
                raise StepFailed(f"the document is {state}: {answer.text}")
            return bool(state == "sent")

        _until(sent, "the axis takes the packet")

    def until_claimed(self) -> str:
        """The address of the file of the document that came."""
        items: list[dict[str, dict[str, str]]] = []

        def claimed() -> bool:
            answer = self._http.post("/v1/inbox:claim", json={"limit": 1, "wait": 5, "kinds": ["document"]})
            answer.raise_for_status()
            items.extend(answer.json()["items"])
            return bool(items)

        _until(claimed, "the document is in the receiver's inbox")
        document = self._http.get(items[0]["document"]["href"])
        document.raise_for_status()
        return str(document.json()["attachments"][0]["href"])

    def download(self, address: str) -> str:
        """SHA-256 of the file."""
        digest = hashlib.sha256()
        with self._http.stream("GET", address) as answer:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                digest.update(piece)
        return digest.hexdigest()

    def close(self) -> None:
        """Give back connections."""
        self._http.close()
        self._agency.close()


class _Watched:
    """A process's memory from now on (kB)."""

    def __init__(self, pid: int) -> None:
        self._pid = str(pid)
        forget_peak(self._pid)
        self._idle = resident(self._pid, "VmRSS")

    @property
    def growth(self) -> int:
        """The peak since then less what was resident then."""
        return resident(self._pid, "VmHWM") - self._idle

    def row(self, name: str, *, bounded: bool) -> list[str]:
        """For the table."""
        figures = [f"{kb / 1024:.1f} MB" for kb in (self._idle, self._idle + self.growth, self.growth)]
        if not bounded:
            return [name, *figures, "", ""]
        return [name, *figures, f"≤ {GROWTH // 1024} MB", "met" if self.growth <= GROWTH else "MISSED"]


class _Legs:
    """What each leg took."""

    def __init__(self) -> None:
        self._seconds: list[tuple[str, float]] = []

    def timed(self, name: str, call: Callable[[], T]) -> T:
        """Make the call and note its time."""
        began = time.perf_counter()
        result = call()
        self._seconds.append((name, time.perf_counter() - began))
        return result

    def table(self, size: int) -> list[str]:
        """Legs and their sum."""
        rows = [*self._seconds, ("all", sum(seconds for _, seconds in self._seconds))]
        return table(
            ["leg", "time", "rate"],
            [[name, f"{seconds:.2f} s", f"{size / MB / seconds:.0f} MB/s"] for name, seconds in rows],
        )


def _until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LEG_SECONDS
    while time.monotonic() < deadline:
        if happened():
            return
        time.sleep(0.05)
    raise StepFailed(f"did not happen within {LEG_SECONDS:.0f} s: {what}")


def _document() -> dict[str, object]:
    return {
        "message_header": {
            "from": {"organ_id": SENDER.code},
            "to": [{"organ_id": RECEIVER.code, "organ_name": RECEIVER.name}],
            "code": {"code_number": "1520", "code_notation": "UBND-KT"},
            "promulgation_info": {"place": "Giả Định", "promulgation_date": "2025-03-05"},
            "document_type": {"type": 2, "type_name": "Công văn"},
            "subject": "V/v gửi tệp lớn",
            "content": "V/v gửi tệp lớn",
            "signer_info": {"competence": "KT. CHỦ TỊCH", "position": "PHÓ CHỦ TỊCH", "full_name": "Nguyễn Văn Mẫu"},
            "other_info": {"priority": 1, "page_amount": 2, "promulgation_amount": 1},
        },
        "attachments": [{"attachment_name": NAME}],
    }


_DEFAULT_MB = 200


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.large_document", description=__doc__)
    parser.add_argument("--mb", type=int, default=_DEFAULT_MB, help="size of the file in MB")
    parser.add_argument("--folder", type=Path, help="where everything is put")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
