"""How much a process grows by one call: `python -m bench.memory WAY WORK KIND SIZE FOLDER` prints kB.

A process of its own for each figure; the growth is the peak of its resident memory during the call (VmHWM, set back
before it) less what was resident before, after a call with a small file has loaded everything.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.samples import KB, Kind, Sample
from bench.signed import SignedEngine
from bench.ways import Engine, PlainTree, Tidy, Way, prepare

WARM = 10 * KB


def growth(way: str, work: str, sample: Sample) -> int | None:
    """Bytes that a fresh process grows by; None when it died, as for want of memory."""
    arguments = [way, work, sample.kind.value, str(sample.size), str(sample.folder)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", *arguments], capture_output=True, text=True, check=False
    )
    return int(done.stdout) * 1024 if done.returncode == 0 else None


def resident(process: str, field: str) -> int:
    """A figure of a process's memory in kB, by its name in /proc."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field}:"))


def forget_peak(process: str) -> None:
    """Set the peak of a process of ours back to what is resident now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


def _measure(work: Callable[[Sample], Tidy], sample: Sample) -> int:
    warm = Sample(kind=sample.kind, size=WARM, folder=sample.folder / "warm")
    warm.folder.mkdir(exist_ok=True)
    prepare(warm, warm.folder)
    for _ in range(3):
        work(warm)()
    forget_peak("self")
    before = resident("self", "VmRSS")
    tidy = work(sample)
    after = resident("self", "VmHWM")
    tidy()
    return after - before


def _main(way: str, work: str, kind: str, size: str, folder: str) -> None:
    sample = Sample(kind=Kind(kind), size=int(size), folder=Path(folder))
    doer = _way(way, sample.folder)
    works: dict[str, Callable[[Sample], Tidy]] = {
        "build": doer.build,
        "one_line": lambda one: doer.read(one, one.one_line),
        "wrapped": lambda one: doer.read(one, one.wrapped),
    }
    print(_measure(works[work], sample))


def _way(name: str, folder: Path) -> Way:
    match name:
        case "engine":
            return Engine(folder)
        case "signed":
            return SignedEngine(folder)
    return PlainTree()


if __name__ == "__main__":
    _main(*sys.argv[1:])
