"""`python -m bench.throughput`: documents of 100 kB through two gateways and a simulated axis, as real processes.

Documents per second accepted, sent (a queue drained while urgent ones arrive), received, answered, and all at once; on
SQLite and on PostgreSQL; with nothing, ten thousand and a million documents stored already. Says what each document
costs and how far that is from what cannot be left out. Exit 0 whatever the figures are, 1 when it fails to run.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import structlog

from bench import trips
from bench.line import Refused
from bench.page import machine, put, table
from bench.postgres import PostgresMissing, running
from bench.traffic import TooSlow
from bench.trips import NEEDS, Case
from demo.processes import StepFailed

DATABASES = ("sqlite", "postgresql")
DEFAULT_QUEUED, DEFAULT_DOCUMENTS, DEFAULT_STORED = 5000, 500, (0, 10_000, 1_000_000)
DRAIN_SECONDS_OF_5000 = 180.0
URGENT_P99 = 2.0
END_TO_END = 60.0
SLOWER = 0.10


def main() -> int:
    """Measure, print, and put the tables into docs/performance.md where they are those of the defaults."""
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        cases = _cases(options)
    except (StepFailed, TooSlow, Refused, PostgresMissing) as failure:
        print(f"did not happen: {failure}", file=sys.stderr)
        return 1
    lines = _page(cases, options)
    print("\n".join(lines))
    if options.page or (_is_default(options) and not options.no_page):
        put("throughput", lines)
    return 0


def _cases(options: argparse.Namespace) -> list[Case]:
    cases = []
    with tempfile.TemporaryDirectory(prefix="bench-throughput-", dir=options.folder) as folder:
        for database in options.database:
            for stored in options.stored:
                print(f"{database}, {stored} stored ...", file=sys.stderr, flush=True)
                with ExitStack() as opened:
                    postgres = opened.enter_context(running(durable=True)) if database == "postgresql" else None
                    place = Path(folder) / f"{database}-{stored}"
                    run = trips.run(
                        place, database, postgres, stored, queued=options.queued, documents=options.documents
                    )
                    cases.append(asyncio.run(run))
                print("\n".join(_costs([cases[-1]])), file=sys.stderr, flush=True)
    return cases


def _page(cases: list[Case], options: argparse.Namespace) -> list[str]:
    told = f"{options.queued} documents accepted and sent, {options.documents} in each of the other trips"
    lines = [f"{told}, measured on {machine()}.", ""]
    for database in options.database:
        of = [case for case in cases if case.database == database]
        lines += [f"**{_NAMES[database]}: documents per second**", "", *_rates(of), ""]
        lines += [f"**{_NAMES[database]}: what one document costs**", "", *_costs(of), ""]
    lines += ["**Targets**", "", *_targets(cases), "", "**The limits, measured in the same run**", "", *_bare(cases)]
    return lines


def _rates(cases: list[Case]) -> list[str]:
    """One row for each trip: the rate with each number stored, against the limit, and the last against the first."""
    first, last = cases[0], cases[-1]
    head = ["trip", *(f"{case.stored:,} stored" for case in cases), "limit", "limit ÷ rate", "last ÷ first"]
    rows = []
    for name in NEEDS:
        rates = [case.trips[name].rate for case in cases]
        limit = 1 / first.bare.seconds(**NEEDS[name])
        rows.append([name, *(f"{rate:.1f}/s" for rate in rates), f"{limit:.0f}/s", f"{limit / rates[0]:.1f} ×"])
        rows[-1].append(f"{rates[-1] / rates[0]:.2f}" if last is not first else "")
    return table(head, rows)


def _costs(cases: list[Case]) -> list[str]:
    processes = ("sender", "receiver", "axis", "database", "caller")
    head = ["trip", "stored", *(f"{one} ms" for one in processes), "all but caller", "requests", "commits"]
    rows = [
        [
            name,
            f"{case.stored:,}",
            *(f"{trip.cpu(one):.1f}" for one in processes),
            f"{trip.cpu_of_all:.1f}",
            f"{trip.costs.requests / trip.documents:.2f}",
            f"{trip.costs.commits / trip.documents:.2f}",
        ]
        for name in NEEDS
        for case in cases
        for trip in (case.trips[name],)
    ]
    return table(head, rows)


def _targets(cases: list[Case]) -> list[str]:
    rows = []
    for case in cases:
        where = f"{_NAMES[case.database]}, {case.stored:,} stored"
        drained = 5000 / case.trips["sent"].rate
        rows.append(_target(f"5 000 drained, {where}", f"{drained:.0f} s", "≤ 180 s", drained <= DRAIN_SECONDS_OF_5000))
        if case.urgent:
            p50, p99 = _of(case.urgent, 0.5), _of(case.urgent, 0.99)
            said = f"{p99:.2f} s (median {p50:.2f}, {len(case.urgent)} of them)"
            rows.append(_target(f"hỏa tốc p99 meanwhile, {where}", said, "≤ 2 s", p99 <= URGENT_P99))
        rate = case.trips["end to end"].rate
        rows.append(_target(f"end to end, {where}", f"{rate:.1f}/s", "≥ 60/s (stretch)", rate >= END_TO_END))
        rows.append([f"one look at the metrics, {where}", f"{1000 * case.scrape:.0f} ms", "", ""])
    for database in dict.fromkeys(case.database for case in cases):
        of = [case for case in cases if case.database == database]
        for name in NEEDS if len(of) > 1 else ():
            slower = 1 - of[-1].trips[name].rate / of[0].trips[name].rate
            what = f"{name}: slower at {of[-1].stored:,} than at {of[0].stored:,}, {_NAMES[database]}"
            rows.append(_target(what, f"{100 * slower:.0f} %", "< 10 %", slower < SLOWER))
    return table(["target", "measured", "wanted", ""], rows)


def _target(what: str, measured: str, wanted: str, met: bool) -> list[str]:
    return [what, measured, wanted, "met" if met else "MISSED"]


def _bare(cases: list[Case]) -> list[str]:
    head = ["database", "stored", "commits", "files of 100 kB kept", "posts of 100 kB", "small requests"]
    rows = [
        [
            _NAMES[case.database],
            f"{case.stored:,}",
            *(f"{1 / seconds:.0f}/s" for seconds in (case.bare.commit, case.bare.file, case.bare.post, case.bare.ask)),
        ]
        for case in cases
    ]
    return table(head, rows)


def _of(ordered: list[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def _is_default(options: argparse.Namespace) -> bool:
    whole = options.database == DATABASES and options.stored == DEFAULT_STORED
    return bool(whole and (options.queued, options.documents) == (DEFAULT_QUEUED, DEFAULT_DOCUMENTS))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.throughput", description=__doc__)
    parser.add_argument("--queued", type=int, default=DEFAULT_QUEUED, help="documents accepted, and then drained")
    parser.add_argument("--documents", type=int, default=DEFAULT_DOCUMENTS, help="documents in each of the other trips")
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--stored", default=",".join(map(str, DEFAULT_STORED)), help="numbers, with commas between")
    parser.add_argument(
        "--quick", action="store_true", help="200 and 50 documents, 1 000 stored: only whether it works"
    )
    parser.add_argument("--folder", type=Path, help="where everything is put; a million stored take some 15 GB")
    parser.add_argument("--page", action="store_true", help="write docs/performance.md whatever was measured")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    options = parser.parse_args()
    options.database = DATABASES if options.database == "both" else (options.database,)
    options.stored = tuple(int(part) for part in options.stored.split(","))
    if options.quick:
        options.queued, options.documents, options.stored = 200, 50, (1000,)
    return options


if __name__ == "__main__":
    sys.exit(main())
