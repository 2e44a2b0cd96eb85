"""`python -m bench.signature`: what signing and verifying add to a packet, in time and in memory.

Signed and unsigned in turns, each the best of several; the key operation by itself is measured in the same run.
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
from bench.samples import KB, MB, Kind, Sample
from bench.signed import SignedEngine, header_size
from bench.ways import Engine, Tidy, prepare
from gateway.signing.leaf import read_leaf
from gateway.signing.methods import verifies
from gateway.signing.sign import PacketSignature

SMALL, LARGE = 100 * KB, 200 * MB
ADDED = 0.001
"""Seconds that may be added to a small packet, besides one operation with the key."""

GROWN = 2**20
"""Bytes by which a signed large packet may take more memory than an unsigned one: what a library takes once."""

KEYS = {"rsa": "RSA-2048", "p256": "P-256"}
HEAD = ["packet", "key", "work", "unsigned", "signed", "key operation", "added besides", "target", ""]
LARGE_HEAD = ["packet", "work", "unsigned", "signed", "growth unsigned", "growth signed", ""]


@dataclass(slots=True)
class Times:
    """The best time of each thing, in seconds."""

    best: dict[str, float] = field(default_factory=dict)

    def take(self, name: str, call: Callable[[], Tidy | object]) -> None:
        """One more time."""
        began = time.perf_counter()
        tidy = call()
        seconds = time.perf_counter() - began
        if callable(tidy):
            tidy()
        self.best[name] = min(seconds, self.best.get(name, seconds))


def main() -> None:
    """Measure, print, write the page."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-signature-", dir=options.folder) as temporary:
        folder = Path(temporary)
        small = [row for kind in Kind for row in _small(Sample(kind=kind, size=SMALL, folder=folder), options.repeat)]
        large = [] if options.quick else [
            row for kind in (Kind.PDF, Kind.XLSX) for row in _large(Sample(kind=kind, size=LARGE, folder=folder))
        ]  # fmt: skip
    lines = [f"Measured on {machine()}.", "", *table(HEAD, small), ""]
    if large:
        lines += [*table(LARGE_HEAD, large), ""]
    rows = [*small, *large]
    missed = sum(row[-1] == "MISSED" for row in rows)
    lines.append(f"{len(rows) - missed} of {len(rows)} targets met.")
    print("\n".join(lines))
    if large and not options.no_page:
        put("signature", lines)


def _small(sample: Sample, repeat: int) -> list[list[str]]:
    print(f"{sample.kind.label}, {sample.size / MB:g} MB ...", file=sys.stderr, flush=True)
    prepare(sample, sample.folder)
    return [row for kind in KEYS for row in _with_key(sample, kind, repeat)]


def _with_key(sample: Sample, kind: str, repeat: int) -> list[list[str]]:
    plain, signed, times = Engine(sample.folder), SignedEngine(sample.folder, kind), Times()
    made = signed.sign(sample)
    check = _check(signed, made)
    for _ in range(repeat * 100):
        times.take("build", lambda: plain.build(sample))
        times.take("signed build", lambda: signed.build(sample))
        times.take("sign", lambda: signed.key.sign(made.signed_info))
        times.take("read", lambda: plain.read(sample, sample.one_line))
        times.take("signed read", lambda: signed.read(sample, sample.one_line))
        times.take("verify", check)
    label = f"100 kB {sample.kind.label}"
    return [
        _row(
            label, kind, f"build and sign (+ {header_size(made) / KB:.1f} kB)", times, ("build", "signed build", "sign")
        ),
        _row(label, kind, "read and verify", times, ("read", "signed read", "verify")),
    ]


def _check(signed: SignedEngine, made: PacketSignature) -> Callable[[], object]:
    """One verification with the public key alone."""
    leaf, value = read_leaf(signed.key.certificate), signed.key.sign(made.signed_info)
    public = leaf.public
    assert public is not None
    return lambda: verifies(public, signed.key.algorithm, made.signed_info, value)


def _row(label: str, kind: str, work: str, times: Times, names: tuple[str, str, str]) -> list[str]:
    without, with_it, alone = (times.best[name] for name in names)
    added = with_it - without - alone
    return [
        label,
        KEYS[kind],
        work,
        *(f"{seconds * 1000:.2f} ms" for seconds in (without, with_it, alone, added)),
        f"≤ {ADDED * 1000:.0f} ms",
        "met" if added <= ADDED else "MISSED",
    ]


def _large(sample: Sample) -> list[list[str]]:
    print(f"{sample.kind.label}, {sample.size / MB:g} MB ...", file=sys.stderr, flush=True)
    prepare(sample, sample.folder)
    plain, signed, times = Engine(sample.folder), SignedEngine(sample.folder), Times()
    signed.read(sample, sample.one_line)()
    for _ in range(3):
        times.take("build", lambda: plain.build(sample))
        times.take("signed build", lambda: signed.build(sample))
        times.take("read", lambda: plain.read(sample, sample.one_line))
        times.take("signed read", lambda: signed.read(sample, sample.one_line))
    rows = []
    # of the process that measures, the key is its own: it builds its own signed packet
    sample.one_line.with_suffix(".rsa").unlink()
    for work, way in (("build", "build"), ("read", "one_line")):
        grown = {one: min(_growths(one, way, sample)) for one in ("engine", "signed")}
        rows.append(
            [
                f"200 MB {sample.kind.label}",
                f"{work} and {'sign' if work == 'build' else 'verify'}",
                f"{times.best[work] * 1000:.0f} ms",
                f"{times.best[f'signed {work}'] * 1000:.0f} ms",
                *(f"{grown[one] / 2**20:.1f} MB" for one in ("engine", "signed")),
                "met" if grown["signed"] - grown["engine"] <= GROWN else "MISSED",
            ]
        )
    for path in sample.folder.glob(f"{sample.size}.*"):
        path.unlink()
    return rows


def _growths(way: str, work: str, sample: Sample) -> list[int]:
    """Of three processes: the least is what it takes, the rest what else was going on."""
    measured = [growth(way, work, sample) for _ in range(3)]
    return [one for one in measured if one is not None] or [sys.maxsize]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.signature", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="hundreds of turns for what is small")
    parser.add_argument("--quick", action="store_true", help="100 kB only")
    parser.add_argument("--folder", type=Path, help="where the files are put")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
