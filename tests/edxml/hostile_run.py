"""Runs hostile cases with real blobs, each in a process of its own, and says in a line of JSON what each costs.

python hostile_run.py FOLDER NUMBER...   the numbers of cases in the corpus; blobs go into FOLDER/blobs
"""

import gc
import io
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import date
from itertools import chain
from pathlib import Path

from hostile_case import Case, Pieces
from hostile_corpus import CORPUS
from packets import sample

from gateway.edxml.reader import ReadPacket, read_packet
from gateway.store import FolderBlobs

TODAY = date(2026, 11, 22)
HANG = 120
"""Seconds after which a case has hung."""

PIECE = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one case: what is wrong with it, findings met, cost. Sizes in bytes, growth as the system sees it."""

    name: str
    wrong: list[str]
    codes: list[str]
    size: int
    seconds: float
    wall: float
    growth: int


class Stream:
    """Pieces as a file to be read once."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = chain.from_iterable(
            (piece[at : at + PIECE] for at in range(0, len(piece), PIECE)) for piece in pieces if piece
        )

    def read(self, size: int = PIECE) -> bytes:
        """The next bytes, fewer than asked at times, none at the end."""
        assert size >= PIECE
        return next(self._pieces, b"")


def run_alone(number: int, folder: Path) -> None:
    """One case in a child: what kills that says so."""
    child = os.fork()
    if child == 0:
        signal.alarm(HANG)
        _tell(run(CORPUS[number], folder))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        wrong = [f"it ended the process: {os.waitstatus_to_exitcode(status)}"]
        lost = Outcome(name=CORPUS[number].name, wrong=wrong, codes=[], size=0, seconds=0, wall=0, growth=0)
        _tell(lost)


def run(case: Case, folder: Path) -> Outcome:
    """Read all packets of a case, one after another, and discard what was read."""
    blobs = FolderBlobs(folder / "blobs")
    packets = case.packets()
    gc.collect()
    _forget_peak()
    written = _watch_writing()
    wrong: list[str] = []
    codes: list[str] = []
    size = 0
    before, started, computed = _memory("VmRSS"), time.perf_counter(), time.process_time()
    for number, pieces in enumerate(packets):
        result = read_packet(Stream(pieces), blobs, case.limits, today=TODAY)  # type: ignore[arg-type] # read is all it needs
        wrong += [f"packet {number}: {problem}" for problem in _problems(case, result)]
        codes += [finding.code for finding in result.findings]
        size += result.size
        result.discard()
        left = [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()]
        wrong += [f"packet {number} left {len(left)} files, {left[:3]}"] if left else []
    seconds, wall = time.process_time() - computed, time.perf_counter() - started
    growth = max(_memory("VmHWM") - before, 0)
    outside = sorted(path for path in written if Path(path).parent != blobs.root / "unfinished")
    wrong += [f"written elsewhere: {outside[:3]}"] if outside else []
    return Outcome(
        name=case.name,
        wrong=wrong,
        codes=sorted(set(codes) & set(case.codes)),
        size=size,
        seconds=seconds,
        wall=wall,
        growth=growth,
    )


def _tell(outcome: Outcome) -> None:
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
    sys.stdout.flush()


def _problems(case: Case, result: ReadPacket) -> list[str]:
    meant = [finding for finding in result.findings if finding.code in case.codes]
    if not meant:
        return [f"{[finding.code for finding in result.findings]}"]
    if case.refused:
        return [] if any(finding.is_error for finding in meant) else ["it is not refused"]
    if not result.readable:
        return ["it is refused"]
    return [] if all(one.content is not None for one in result.attachments) else ["a file is lost"]


def _watch_writing() -> set[str]:
    """The paths of all files that are opened for writing from now on."""
    written: set[str] = set()

    def heard(event: str, arguments: tuple[object, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | Path) or not isinstance(arguments[2], int):
            return  # an open file may be wrapped anew
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.add(os.path.abspath(arguments[0]))

    sys.addaudithook(heard)
    return written


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def main() -> None:
    """One line of JSON for each case."""
    folder = Path(sys.argv[1])
    os.chdir(folder)
    tempfile.tempdir = str(folder)
    read_packet(io.BytesIO(sample("own_new_pdf_csv")), FolderBlobs(folder / "blobs"), today=TODAY).discard()
    for number in sys.argv[2:]:
        run_alone(int(number), folder)


if __name__ == "__main__":
    main()
