"""`python -m bench.packet`: how near building and reading a packet come to the limit, and how much memory they take.

Every ratio is to the limit measured in the same run, in turns with what is measured, each the best of several: a
machine that is busy with something else is busy for all of them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.memory import growth
from bench.page import machine, put, table
from bench.samples import KB, MB, SIZES, Kind, Sample
from bench.ways import Engine, Limit, PlainTree, Tidy, level_of, prepare

SMALL = 100 * KB
SMALL_SECONDS = 0.001
RATIOS = {"build": 1.5, "one_line": 1.5, "wrapped": 3.0}
GROWTH = 32 * 2**20
TITLES = {
    "build": "Build a packet",
    "one_line": "Read a packet, base64 on one line",
    "wrapped": "Read a packet, base64 in lines of 76",
}
HEAD = ["attachment", "limit", "engine", "ratio", "target", "", "growth", "tree", "ratio", "growth"]


@dataclass(slots=True)
class Figures:
    """What was measured of one kind of work on one sample: seconds, and bytes of growth."""

    sample: Sample
    work: str
    seconds: dict[str, float] = field(default_factory=dict)
    growth: dict[str, int | None] = field(default_factory=dict)

    def take(self, way: str, call: Callable[[], Tidy]) -> None:
        """One more time; the best counts."""
        began = time.perf_counter()
        tidy = call()
        seconds = time.perf_counter() - began
        tidy()
        self.seconds[way] = min(seconds, self.seconds.get(way, seconds))

    @property
    def small(self) -> bool:
        """Whether its target is a time rather than a ratio."""
        return self.sample.size <= SMALL

    @property
    def fast(self) -> bool:
        """Whether the target of speed is met."""
        if self.small:
            return self.seconds["engine"] <= SMALL_SECONDS
        return self.ratio("engine") <= RATIOS[self.work]

    @property
    def met(self) -> bool:
        """Whether both targets are met."""
        grown = self.growth.get("engine", 0)
        return self.fast and grown is not None and grown <= GROWTH

    def ratio(self, way: str) -> float:
        """To the limit."""
        return self.seconds[way] / self.seconds["limit"]

    def row(self) -> list[str]:
        """For the table."""
        label = next(name for name, size in SIZES.items() if size == self.sample.size)
        target = f"≤ {SMALL_SECONDS * 1000:.0f} ms" if self.small else f"≤ {RATIOS[self.work]:g} ×"
        return [
            f"{label} {self.sample.kind.label}",
            _time(self.seconds["limit"]),
            _time(self.seconds["engine"]),
            f"{self.ratio('engine'):.2f} ×",
            target,
            "met" if self.met else "MISSED",
            _bytes(self.growth.get("engine")),
            _time(self.seconds["tree"]),
            f"{self.ratio('tree'):.2f} ×",
            _bytes(self.growth.get("tree")),
        ]


def main() -> None:
    """Measure, print, write the page."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-packet-", dir=options.folder) as temporary:
        measured = [
            figures
            for size in options.sizes
            for kind in Kind
            for figures in _measured(Sample(kind=kind, size=size, folder=Path(temporary)), options.repeat)
        ]
    lines = _lines(measured)
    print("\n".join(lines))
    if options.sizes == list(SIZES.values()) and not options.no_page:
        put("packet", lines)


def _measured(sample: Sample, repeat: int) -> list[Figures]:
    print(f"{sample.kind.label}, {sample.size / MB:g} MB ...", file=sys.stderr, flush=True)
    prepare(sample, sample.folder)
    limit, engine, tree = Limit(level_of(sample)), Engine(sample.folder), PlainTree()
    build, one_line, wrapped = (Figures(sample, work) for work in RATIOS)
    for turn in range(_turns(sample.size, repeat)):
        build.take("limit", lambda: limit.build(sample))
        build.take("engine", lambda: engine.build(sample))
        one_line.take("limit", lambda: limit.read(sample, sample.one_line))
        one_line.take("engine", lambda: engine.read(sample, sample.one_line))
        wrapped.take("engine", lambda: engine.read(sample, sample.wrapped))
        if turn < (_TREE_TURNS if sample.size <= MB else 1):
            build.take("tree", lambda: tree.build(sample))
            one_line.take("tree", lambda: tree.read(sample, sample.one_line))
            wrapped.take("tree", lambda: tree.read(sample, sample.wrapped))
    wrapped.seconds["limit"] = one_line.seconds["limit"]
    for figures in (build, one_line, wrapped):
        figures.growth = {way: growth(way, figures.work, sample) for way in ("engine", "tree")}
    for path in sample.folder.glob(f"{sample.size}.*"):
        path.unlink()
    return [build, one_line, wrapped]


_TREE_TURNS = 20
"""The tree needs no more to show what it is; of large files one, which takes seconds."""


def _turns(size: int, repeat: int) -> int:
    """More turns for what takes under a millisecond."""
    return repeat * (100 if size <= SMALL else 20 if size <= MB else 1)


def _lines(measured: list[Figures]) -> list[str]:
    lines = [f"Measured on {machine()}.", ""]
    for work, title in TITLES.items():
        rows = [figures.row() for figures in measured if figures.work == work]
        lines += [f"**{title}**", "", *table(HEAD, rows), ""]
    missed = [figures for figures in measured if not figures.met]
    lines.append(
        f"{len(measured) - len(missed)} of {len(measured)} targets met; growth may be {_bytes(GROWTH)} at most."
    )
    return lines


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


def _bytes(count: int | None) -> str:
    return "died" if count is None else f"{count / 2**20:.1f} MB"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.packet", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=list(SIZES.values()), help=f"of {', '.join(SIZES)}")
    parser.add_argument("--repeat", type=int, default=5, help="best of so many; small sizes take more")
    parser.add_argument("--quick", action="store_const", dest="sizes", const=list(SIZES.values())[:3], help="to 1 MB")
    parser.add_argument("--folder", type=Path, help="where the files are put; the disk is part of what is measured")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    known = {name.replace(" ", "").lower(): size for name, size in SIZES.items()}
    return [known[name.strip().replace(" ", "").lower()] for name in text.split(",")]


if __name__ == "__main__":
    main()
