"""What a soak says: lines while it runs, and the account at the end."""

import math
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.page import machine, table
from bench.soak.cast import LANES
from bench.soak.ledger import Ledger
from bench.soak.options import Options
from bench.soak.storm import Death

_NAMED = 15
"""Of each rule so many findings are printed; all are in findings.txt."""


def say(line: str) -> None:
    """A line at once."""
    print(line, flush=True)


def progress(ledger: Ledger, began: float, unknown: int, deaths: int, struck: int) -> str:
    """One line of how it goes."""
    posted = sum(one.posted is not None for one in ledger.postings)
    accepted = sum(one.accepted is not None for one in ledger.postings)
    receipts = [receipt for one in ledger.postings if one.posted for receipt in one.receipts.values()]
    arrived = sum(one.arrived is not None for one in receipts)
    finished = sum(one.finished for one in ledger.postings)
    return (
        f"{time.monotonic() - began:6.0f} s  handed over {accepted}/{posted}, received {arrived}/{len(receipts)}, "
        f"finished {finished}, settled by the person {unknown}, kills {deaths}, faults {struck}"
        + (f", WRONG {len(ledger.wrong)}" if ledger.wrong else "")
    )


def account(
    options: Options,
    ledger: Ledger,
    deaths: Sequence[Death],
    counters: dict[str, Counter[str]],
    seconds: float,
) -> Iterable[str]:
    """Counts, faults, kills, latencies, recovery."""
    sizes = [file.size for one in ledger.postings for file in one.files]
    posted = [one for one in ledger.postings if one.posted is not None]
    receipts = [receipt for one in posted for receipt in one.receipts.values()]
    statuses = sum(len(one.seen) for one in receipts)
    yield f"seed {options.seed}; {machine()}; {seconds:.0f} s"
    yield ""
    yield (
        f"documents {len(posted)} ({sum(one.of is not None for one in posted)} recalls and updates), "
        f"deliveries {len(receipts)}, statuses {statuses}, files {len(sizes)} "
        f"({sum(sizes) / 1024**2:.0f} MB, the largest {max(sizes, default=0) / 1024**2:.1f} MB)"
    )
    for name, counter in counters.items():
        if counter:
            yield f"{name}: " + ", ".join(f"{what} {count}" for what, count in sorted(counter.items()))
    yield ""
    yield from table(["lane", "deliveries", "p50", "p99", "most"], list(_latencies(ledger)))
    if deaths:
        yield ""
        yield from table(["killed", "times", "answering p50", "most", "taken over p50", "most"], list(_deaths(deaths)))


def verdict(found: dict[str, list[str]]) -> Iterable[str]:
    """Every rule with what broke it."""
    for rule, broken in found.items():
        yield f"{'ok    ' if not broken else 'BROKEN'}  {rule}" + (f": {len(broken)}" if broken else "")
        yield from (f"          {one}" for one in broken[:_NAMED])


def complain(text: str) -> None:
    """On standard error."""
    print(text, file=sys.stderr, flush=True)


def _latencies(ledger: Ledger) -> Iterable[list[str]]:
    for priority in sorted(LANES, reverse=True):
        times = sorted(
            receipt.arrived - one.posted
            for one in ledger.postings
            if one.priority == priority and one.posted is not None
            for receipt in one.receipts.values()
            if receipt.arrived is not None
        )
        if times:
            yield [LANES[priority], str(len(times)), *(f"{_part(times, part):.2f} s" for part in (0.5, 0.99, 1.0))]


def _deaths(deaths: Sequence[Death]) -> Iterable[list[str]]:
    for what in sorted({one.what for one in deaths}):
        these = [one for one in deaths if one.what == what]
        cells = [what, str(len(these))]
        for times in ([one.answering for one in these], [one.taken_over for one in these]):
            known = sorted(time for time in times if time is not None)
            lost = len(times) - len(known)
            cells += [f"{_part(known, 0.5):.2f} s" if known else "-", "NEVER" if lost else f"{known[-1]:.2f} s"]
        yield cells


def _part(times: Sequence[float], part: float) -> float:
    """The smallest time that so large a part does not exceed."""
    return times[max(math.ceil(part * len(times)) - 1, 0)]
