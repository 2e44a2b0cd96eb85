"""Whether everything came out even. Each check names what it found; nothing found is the only good result.

The harshest of them is `_sent_once`: of each packet, what left whole and was not refused may be one more than the times
a person said "send it again", by what the line itself saw; and the axis may hold it once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.soak.books import Books
from bench.soak.cast import AGENCIES, INBOX, Json, agency_of
from bench.soak.corpus import NEW
from bench.soak.framing import Exchange
from bench.soak.hooks import Hooks
from bench.soak.ledger import Ledger, Posting
from bench.soak.storm import Death
from bench.soak.systems import DocumentSystem
from bench.soak.wire import Wire, was_refused
from bench.soak.world import STATUS_REPEATS
from gateway.axis.vxp.wire import hash_file_as_sdk

_UNREADABLE = "alarm.packet_unreadable"
_CLAIMED = ("document.sent", "document.refused", "document.unknown", "document.set_apart", "status.received")
"""Kinds of events that the inbox offers beside documents, as far as they happen here; and alarms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that is compared: our own ledger, the line, the axis, the gateways' databases and feeds."""

    ledger: Ledger
    wire: Wire
    axis: dict[str, list[Json]]
    books: dict[str, Books]
    feeds: dict[str, list[Json]]
    shown: dict[int, Json]
    """Postings as the sender's gateway shows them, by number."""
    systems: dict[str, DocumentSystem]
    hooks: Hooks
    garbage: frozenset[str]
    """Items of the axis that are no packets."""
    deaths: Sequence[Death]


def verify(evidence: Evidence) -> dict[str, list[str]]:
    """What is wrong, by the name of the rule; every rule is there."""
    return {name: list(check(evidence)) for name, check in CHECKS.items()}


def _delivered(found: Evidence) -> Iterator[str]:
    for posting in found.ledger.postings:
        if posting.posted is None:
            yield f"{_name(posting)} was never handed over"
            continue
        if posting.accepted is None:
            yield f"{_name(posting)} was never accepted"
        for receipt in posting.receipts.values():
            if receipt.arrived is None:
                yield f"{_name(posting)} never reached {receipt.unit}: {_where(found, posting)}"
            elif not receipt.confirmed:
                yield f"{_name(posting)} was never handed over to {receipt.unit}"


def _in_the_database(found: Evidence) -> Iterator[str]:
    """What was promised with a 2xx is a row."""
    for cast in AGENCIES:
        documents = {one["id"]: one for one in found.books[cast.name].documents}
        handed = {one["document_id"]: one["state"] for one in found.books[cast.name].deliveries}
        for posting in found.ledger.postings:
            if posting.accepted and agency_of(posting.sender) is cast and posting.id not in documents:
                yield f"{_name(posting)} was accepted and is not in the database"
            for receipt in posting.receipts.values():
                id = (receipt.href or "").rpartition("/")[2]
                if receipt.confirmed and receipt.unit in cast.codes and handed.get(id) != "handed_over":
                    yield f"{_name(posting)} was confirmed by {receipt.unit} and stands as {handed.get(id)}"


def _acknowledged(found: Evidence) -> Iterator[str]:
    """What the axis was told `done` of is taken in, and everything that it listed was acknowledged."""
    known = {(cast.system_id, one["doc_id"]): one for cast in AGENCIES for one in found.books[cast.name].arrivals}
    told = Counter(one["doc_id"] for one in found.axis["acks"])
    for item in found.axis["items"]:
        arrival = known.get((item["system_id"], item["doc_id"]))
        if told[item["doc_id"]] and arrival is None:
            yield f"item {item['doc_id']} was acknowledged and is not in the database"
        elif told[item["doc_id"]] and arrival is not None and not _is_taken_in(arrival):
            yield f"item {item['doc_id']} was acknowledged and not taken in: {arrival}"
        if item["state"] not in ("done", "fail"):
            yield f"item {item['doc_id']} ({item['kind']} to {item['to_code']}) stands as {item['state']}: {arrival}"


def _is_taken_in(arrival: Json) -> bool:
    """A status that is known already is no second event, so of statuses the arrival's own state is all there is."""
    if arrival["message_type"] == "edoc" and arrival["state"] not in ("quarantined", "discarded"):
        return bool(arrival["documents"])
    return arrival["state"] not in ("booked", "fetched", "observed", "stranger")


def _garbage_set_apart(found: Evidence) -> Iterator[str]:
    """What nobody can read was set apart, told of, and discarded by the person; it held up nothing."""
    for cast in AGENCIES:
        told = {one["data"].get("axis_doc_id") for one in found.feeds[cast.name] if one["kind"] == _UNREADABLE}
        for arrival in found.books[cast.name].arrivals:
            if arrival["doc_id"] not in found.garbage:
                continue
            if arrival["state"] != "discarded" or arrival["doc_id"] not in told:
                yield f"garbage {arrival['doc_id']} of {cast.name}: {arrival}, told of: {arrival['doc_id'] in told}"


def _received_once(found: Evidence) -> Iterator[str]:
    for cast in AGENCIES:
        incoming = [one for one in found.books[cast.name].documents if one["direction"] == "in"]
        for (unit, subject), count in Counter((one["unit_code"], one["subject"]) for one in incoming).items():
            if count > 1:
                yield f"{subject} was imported {count} times for {unit}"
            if found.ledger.by_subject(subject) is None:
                yield f"{subject!r} came to {unit}, and nobody sent it"


def _sent_once(found: Evidence) -> Iterator[str]:
    stored: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for packet in found.axis["packets"]:
        stored[packet["system_id"], packet["sha256"]].append(packet)
    for cast in AGENCIES:
        again = _sent_again_by_people(found.books[cast.name])
        sends = {hash_file: sent for (agency, hash_file), sent in found.wire.sends.items() if agency == cast.name}
        known = set()
        for dispatch in found.books[cast.name].dispatches:
            if dispatch["sha256"] is None:
                continue
            hash_file = hash_file_as_sdk(dispatch["sha256"])
            known.add(hash_file)
            left = [one for one in sends.get(hash_file, []) if one.complete and not was_refused(one)]
            yield from _judged(dispatch, left, len(stored[cast.system_id, dispatch["sha256"]]), again[dispatch["id"]])
        for hash_file in sends.keys() - known:
            yield f"agency {cast.name} sent a packet that no dispatch knows: {hash_file}"


def _judged(dispatch: Json, left: list[Exchange], stored: int, again: int) -> Iterator[str]:
    name = f"dispatch {dispatch['id']} ({dispatch['message_type']}, document {dispatch['document_id']})"
    if dispatch["message_type"] == "edoc":
        if len(left) > 1 + again:
            yield f"{name} left {len(left)} times whole, a person said so {again} times: {_story(left)}"
        if stored > 1:
            yield f"{name} lies at the axis {stored} times"
        if stored < 1 and dispatch["state"] == "accepted":
            yield f"{name} counts as accepted ({dispatch['reason']}), and the axis does not have it"
        return
    if len(left) > STATUS_REPEATS * (1 + again):
        yield f"{name} left {len(left)} times whole"


def _sent_again_by_people(found: Books) -> Counter[str]:
    """How often a person had each dispatch leave again, as the gateway wrote it down."""
    return Counter(
        one["target"]
        for one in found.decisions
        if one["action"] == "send_again" or (one["action"] == "settle" and one["reason"].startswith("send_again"))
    )


def _decided_truly(found: Evidence) -> Iterator[str]:
    """What the gateways wrote down of the desk is what the person did there."""
    wanted = Counter(found.ledger.decisions)
    for cast in AGENCIES:
        for one in found.books[cast.name].decisions:
            outcome = one["reason"].partition(":")[0]
            if one["action"] == "settle" and not wanted[one["target"], outcome]:
                yield f"the desk of {cast.name} holds a decision that nobody took: {one}"


def _no_early_01(found: Evidence) -> Iterator[str]:
    """The first 01 of a recipient leaves after its document system has begun to say that it has the document."""
    begun: dict[tuple[str, str], list[float]] = defaultdict(list)
    for posting in found.ledger.postings:
        for receipt in posting.receipts.values():
            if receipt.begun is not None:
                begun[posting.document_id or "", receipt.unit].append(receipt.begun)
    first: dict[tuple[str, str], float] = {}
    for packet in found.axis["packets"]:
        if packet["kind"] != "status" or packet["status_code"] != "01" or not packet["system_id"]:
            continue
        cast = next(cast for cast in AGENCIES if cast.system_id == packet["system_id"])
        sends = found.wire.sends.get((cast.name, hash_file_as_sdk(packet["sha256"])), [])
        key = packet["document_id"], packet["from_code"]
        first[key] = min([*(one.began for one in sends), first.get(key, float("inf"))])
    for (document_id, code), at in first.items():
        times = begun[document_id, _unit_of(code)]
        if not times or at < min(times):
            yield f"01 of {code} about {document_id} left at {_time(at)}, before it was handed over"


def _statuses_came_back(found: Evidence) -> Iterator[str]:
    for posting in found.ledger.postings:
        if posting.accepted is None:
            continue
        shown = {one["code"]: one for one in found.shown.get(posting.number, {}).get("recipients", [])}
        for receipt in posting.receipts.values():
            missing = {"01", *receipt.said} - receipt.seen
            if missing:
                yield f"{_name(posting)}: {sorted(missing)} of {receipt.unit} never reached the sender's document system"
            row = shown.get(receipt.unit)
            if row is None or row["transport_state"] != "accepted":
                yield f"{_name(posting)}: {receipt.unit} stands as {row and row['transport_state']}"
            elif (
                posting.business == NEW
                and receipt.said
                and (row["processing_state"] or {}).get("code") != receipt.said[-1]
            ):
                yield f"{_name(posting)}: {receipt.unit} said {receipt.said[-1]}, shown is {row['processing_state']}"


def _nothing_left(found: Evidence) -> Iterator[str]:
    for cast in AGENCIES:
        for job in found.books[cast.name].jobs:
            yield f"a job of {cast.name} is left: {job}"
        for dispatch in found.books[cast.name].dispatches:
            if dispatch["state"] not in ("accepted", "cancelled"):
                yield f"a dispatch of {cast.name} stands as {dispatch['state']}: {dispatch}"


def _everything_told(found: Evidence) -> Iterator[str]:
    """The feed was seen without a gap while it grew; each webhook was told all of its units' events."""
    for cast in AGENCIES:
        feed = found.feeds[cast.name]
        if all(unit.told_by == INBOX for unit in cast.units):
            missing = {one["seq"] for one in feed} - found.systems[cast.name].seqs
            if missing:
                yield f"who followed the feed of {cast.name} never saw {sorted(missing)[:10]} ({len(missing)} in all)"
            yield from _notices_claimed(found, cast.name, feed)
            continue
        for unit in cast.units:
            wanted = {one["seq"] for one in feed if one["unit_code"] in (unit.code, None)}
            told = found.hooks.told.get(unit.code)
            missing = wanted - (told.seqs if told else set())
            if missing:
                yield f"the webhook of {unit.code} was never told {sorted(missing)[:10]} ({len(missing)} in all)"


def _notices_claimed(found: Evidence, agency: str, feed: list[Json]) -> Iterator[str]:
    for unit, missing in not_offered(found.systems[agency].noticed, feed).items():
        yield f"the inbox of {unit} never offered {sorted(missing)[:10]} ({len(missing)} in all)"


def not_offered(noticed: Mapping[str, set[int]], feed: list[Json]) -> dict[str, set[int]]:
    """What the feed has for units that claim notices and they were not offered yet; by unit, only where there is some."""
    left = {}
    for unit, seqs in noticed.items():
        offered = {
            one["seq"]
            for one in feed
            if one["unit_code"] == unit and (one["kind"] in _CLAIMED or one["kind"].startswith("alarm."))
        }
        if missing := offered - seqs:
            left[unit] = missing
    return left


def _got_over(found: Evidence) -> Iterator[str]:
    for death in found.deaths:
        if death.answering is None or death.taken_over is None:
            yield f"the death of {death.what} at {_time(death.at)}: {death}"


def _ledger_is_clean(found: Evidence) -> Iterator[str]:
    yield from found.ledger.wrong


CHECKS = {
    "every document reached every recipient's document system, with the same files": _delivered,
    "nothing wrong was seen while it ran": _ledger_is_clean,
    "nothing was promised that is not in the database": _in_the_database,
    "nothing was acknowledged to the axis that was not taken in, and everything was": _acknowledged,
    "nothing was imported twice": _received_once,
    "what cannot be read was set apart": _garbage_set_apart,
    "no packet left again without a refusal or a person": _sent_once,
    "the desk holds the decisions that were taken": _decided_truly,
    "no 01 before hand-over": _no_early_01,
    "every status reached its sender": _statuses_came_back,
    "every event was told": _everything_told,
    "every death was got over": _got_over,
    "no job and no dispatch is left over": _nothing_left,
}


def _name(posting: Posting) -> str:
    return f"#{posting.number} {posting.document_id or posting.subject}"


def _where(found: Evidence, posting: Posting) -> str:
    shown = found.shown.get(posting.number)
    if shown is None:
        return "the sender's gateway does not show it"
    steps = ", ".join(f"{one['step']} {one.get('description') or ''}".strip() for one in shown["timeline"])
    return f"{shown['state']}: {steps}"


def _story(sends: list[Exchange]) -> str:
    return "; ".join(
        f"{_time(one.completed)} {bytes(one.answer[:30]).decode('latin-1').partition(chr(13))[0] or 'no answer'}"
        for one in sends
    )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def _unit_of(code: str) -> str:
    units = [unit for cast in AGENCIES for unit in cast.units]
    return next((unit.code for unit in units if code in (unit.code, unit.old_code)), code)
