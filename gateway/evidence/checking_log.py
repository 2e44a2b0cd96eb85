"""Checks the log of a bundle: every hash anew, the way to each head, and whether it speaks of these packets."""

import json
from collections.abc import Sequence

from gateway.evidence.contents import LOG, Contents, Log, LogEntry, LogRun
from gateway.evidence.entry import digest, linked
from gateway.evidence.heads import Head
from gateway.evidence.remarks import Remark, flaw, note


def check_log(log: Log, contents: Contents | None, outside: Sequence[Head]) -> list[Remark]:
    """What is wrong with the entries and runs, and what cannot be told of them."""
    found: list[Remark] = []
    by_seq: dict[int, LogEntry] = {}
    for entry in log.entries:
        if entry.seq in by_seq or linked(entry.previous, digest(entry.seq, entry.body)) != entry.hash:
            found.append(flaw("entry_changed", str(entry.seq)))
        by_seq[entry.seq] = entry
    reached: set[int] = set()
    for run in log.runs:
        found += _followed(run, by_seq, reached)
        found += _anchored(run, outside)
    found += [note("no_way_to_head", str(seq)) for seq in sorted(set(by_seq) - reached)]
    if log.waiting:
        found.append(note("waiting", str(len(log.waiting))))
    if contents is not None:
        found += _compared([*(entry.body for entry in log.entries), *log.waiting], contents)
    return found


def _followed(run: LogRun, entries: dict[int, LogEntry], reached: set[int]) -> list[Remark]:
    """From the run's first entry to its head, through our own entries as they stand in the bundle."""
    hash_ = run.previous
    found = []
    for seq, one in enumerate(run.digests, start=run.first):
        entry = entries.get(seq)
        before, hash_ = hash_, linked(hash_, one)
        if entry is None:
            continue
        reached.add(seq)
        if (entry.previous, entry.hash) != (before, hash_):
            found.append(flaw("entry_unlinked", str(seq)))
    last = run.first + len(run.digests) - 1
    if not run.digests or (last, hash_) != (run.head.seq, run.head.hash):
        found.append(flaw("run_broken", f"{run.first}-{run.head.seq}"))
    return found


def _anchored(run: LogRun, outside: Sequence[Head]) -> list[Remark]:
    """Whether the head is one that was kept elsewhere; after a restore a day may have been closed twice."""
    where = f"{run.head.day or '-'} {run.head.seq}"
    if run.head.day is None:
        return [note("no_daily_head", where)]
    if not outside:
        return [note("head_not_compared", where)]
    of_the_day = [(head.seq, head.hash) for head in outside if head.day == run.head.day]
    if not of_the_day:
        return [note("head_not_known", where)]
    return [] if (run.head.seq, run.head.hash) in of_the_day else [flaw("head_differs", where)]


def _compared(bodies: Sequence[str], contents: Contents) -> list[Remark]:
    """Whether the log speaks of the packets and the document that are in the bundle."""
    if not bodies:
        return [note("no_entries", LOG)]
    said = [data for body in bodies if (data := _data(body))]
    meanings = {data["meaning"] for data in said if "meaning" in data}
    found = []
    if meanings and contents.subject.meaning not in meanings:
        found.append(flaw("meaning_differs", contents.subject.id))
    hashes = {one.id: one.sha256 for one in contents.packets}
    carriers = [
        *(("dispatch", one.id, one.packet) for one in contents.dispatches),
        *(("arrival", one.id, one.packet) for one in contents.arrivals),
    ]
    for sort, id, packet in carriers:
        logged = {data["packet"] for data in said if data.get(sort) == id and "packet" in data}
        if packet is None:
            continue
        if not logged:
            found.append(note("packet_not_logged", id))
        elif hashes.get(packet) not in logged:
            found.append(flaw("packet_not_the_logged_one", id))
    return found


def _data(body: str) -> dict[str, str]:
    """The data of an entry's body; empty for what is no entry."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    data = said.get("data") if isinstance(said, dict) else None
    if not isinstance(data, dict):
        return {}
    return {name: value for name, value in data.items() if isinstance(value, str)}
