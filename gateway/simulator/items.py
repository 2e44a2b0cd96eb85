"""What lies before each system: copies of packets, what a received list shows of them, and what became of each."""

import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gateway.axis.port import Item, MessageType, SentRow, Transport
from gateway.axis.vxp.backend import Acknowledgement, ErrorCode, ReceivedQuery, ServerFail
from gateway.simulator.faults import FaultSet
from gateway.simulator.registry import Unit, local_text
from gateway.simulator.rewriting import Rewritten
from gateway.times import VIETNAM, Clock

_FINAL = (Transport.DONE, Transport.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet that was taken. `sha256` and `size` are of the bytes as they were sent."""

    object_id: str
    system_id: str
    from_header: str
    rewritten: Rewritten
    sha256: str
    size: int
    received: datetime


@dataclass(slots=True, kw_only=True)
class Copy:
    """One recipient's copy of a packet, and how often and with what it was acknowledged.

    `held`: from how many lists it is still kept. `reopened`: it was listed again after its end, and may be acknowledged
    again.
    """

    doc_id: str
    system_id: str
    to_code: str
    packet: Packet
    updated: datetime
    state: Transport = Transport.INITIAL
    held: int = 0
    reopened: bool = False
    acks: list[tuple[datetime, Transport]] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, MessageType]:
        """Whose list it stands in."""
        return self.system_id, self.packet.rewritten.kind


class Items:
    """All copies. `chance` decides the order where it is random."""

    def __init__(self, faults: FaultSet, chance: random.Random, clock: Clock) -> None:
        self.by_id: dict[str, Copy] = {}
        self._faults = faults
        self._chance = chance
        self._clock = clock
        self._waiting: dict[tuple[str, MessageType], dict[str, Copy]] = {}
        self._failed: dict[tuple[str, MessageType], dict[str, Copy]] = {}
        self._acknowledged: dict[tuple[str, MessageType], dict[str, Copy]] = {}

    def add(self, packet: Packet, to_code: str, unit: Unit, held: int = 0) -> Copy:
        """Lay one copy before a unit's system."""
        copy = Copy(
            doc_id=str(uuid.uuid4()),
            system_id=unit.system_id,
            to_code=to_code,
            packet=packet,
            updated=packet.received,
            held=held,
        )
        self.by_id[copy.doc_id] = copy
        self._waiting.setdefault(copy.key, {})[copy.doc_id] = copy
        return copy

    def own(self, system_id: str, doc_id: str) -> Copy:
        """The system's own copy. Raises ServerFail for any other id."""
        copy = self.by_id.get(doc_id)
        if copy is None or copy.system_id != system_id or self._is_over(copy):
            raise ServerFail(ErrorCode.FILE_INVALID, f"Không tìm thấy văn bản {doc_id}")
        return copy

    def listed(self, query: ReceivedQuery) -> Sequence[Item]:
        """What the list shows: what waits, what the readings add and leave out, and what faults make of it."""
        key, readings = (query.system_id, query.kind), self._faults.readings
        dated = query if readings.date_filters == "honoured" else replace(query, since=None, until=None)
        shown = self._faults.listed(
            [self._item(copy) for copy in _between(self._open(key), dated)],
            lambda: [self._item(copy) for copy in _between(self._acknowledged.get(key, {}).values(), dated)],
        )
        rows = self._ordered(shown)[: readings.list_cap]
        for row in rows:
            copy = self.by_id[row.doc_id]
            copy.reopened = copy.state in _FINAL
        return rows

    def _open(self, key: tuple[str, MessageType]) -> Iterator[Copy]:
        readings = self._faults.readings
        if readings.after_fail == "again":
            yield from self._failed.get(key, {}).values()
        for copy in self._waiting.get(key, {}).values():
            if self._is_over(copy):
                continue
            if copy.held:
                copy.held -= 1
            elif copy.state is Transport.INITIAL or readings.after_processing == "again":
                yield copy

    def _is_over(self, copy: Copy) -> bool:
        """Whether it waited for longer than an axis keeps things."""
        kept = self._faults.readings.retention
        return kept is not None and copy.state not in _FINAL and self._clock() - copy.packet.received > kept

    def _ordered(self, items: Sequence[Item]) -> Sequence[Item]:
        match self._faults.readings.list_order:
            case "oldest":
                return items
            case "newest":
                return items[::-1]
            case "random":
                return self._chance.sample(items, len(items))

    def _item(self, copy: Copy) -> Item:
        readings, rewritten = self._faults.readings, copy.packet.rewritten
        return Item(
            doc_id=copy.doc_id,
            message_type=rewritten.kind,
            from_code=rewritten.from_code,
            to_code=copy.to_code,
            status=copy.state,
            created_time=_time_text(copy.packet.received, readings.time_text, copy.doc_id),
            updated_time=_time_text(copy.updated, readings.time_text, copy.doc_id),
            status_desc=_SENTENCES[copy.state] if readings.status_desc == "sentence" else None,
        )

    def count(self, system_id: str, kind: MessageType) -> int:
        """How many wait, kept ones too."""
        return sum(not self._is_over(copy) for copy in self._waiting.get((system_id, kind), {}).values())

    def acknowledge(self, acknowledgement: Acknowledgement, now: datetime) -> None:
        """Moves a copy that is listed; for another it does what the readings say. Raises ServerFail."""
        readings = self._faults.readings
        copy = self._acknowledgeable(acknowledgement)
        if copy is None:
            return
        ended = copy.state in _FINAL and not copy.reopened
        if ended and readings.second_ack == "fail":
            raise ServerFail(ErrorCode.FILE_INVALID, f"Văn bản {copy.doc_id} đã được cập nhật trạng thái")
        copy.acks.append((now, acknowledgement.state))
        if ended:
            return
        copy.state, copy.updated, copy.reopened = acknowledgement.state, now, False
        self._failed.get(copy.key, {}).pop(copy.doc_id, None)
        if copy.state not in _FINAL:
            self._acknowledged.get(copy.key, {}).pop(copy.doc_id, None)
            self._waiting[copy.key][copy.doc_id] = copy
            return
        self._waiting[copy.key].pop(copy.doc_id, None)
        self._acknowledged.setdefault(copy.key, {})[copy.doc_id] = copy
        if copy.state is Transport.FAIL:
            self._failed.setdefault(copy.key, {})[copy.doc_id] = copy

    def _acknowledgeable(self, acknowledgement: Acknowledgement) -> Copy | None:
        try:
            return self.own(acknowledgement.system_id, acknowledgement.doc_id)
        except ServerFail:
            if self._faults.readings.unknown_ack == "ok":
                return None
            raise

    def sent_row(self, copy: Copy) -> SentRow:
        """The sender's view of one copy."""
        readings, packet = self._faults.readings, copy.packet
        times = _time_text(packet.received, readings.time_text, copy.doc_id)
        return SentRow(
            sender_doc_id=packet.object_id,
            receiver_doc_id=copy.doc_id,
            from_code=packet.rewritten.from_code,
            to_code=copy.to_code,
            title=packet.rewritten.title,
            notation=packet.rewritten.notation,
            sent_time=times,
            received_time=_time_text(copy.updated, readings.time_text, copy.doc_id) if copy.acks else None,
            send_status=Transport.DONE.value,
            receive_status=_NUMBERS[copy.state] if readings.state_words == "numbers" else copy.state.value,
        )


def _between(copies: Iterable[Copy], query: ReceivedQuery) -> Iterator[Copy]:
    return (copy for copy in copies if lies_between(copy.packet.received, query.since, query.until))


def lies_between(moment: datetime, since: datetime | None, until: datetime | None) -> bool:
    """Whether a moment lies within two bounds, either of which may be open."""
    return (since is None or moment >= since) and (until is None or moment <= until)


def _time_text(moment: datetime, form: str, doc_id: str) -> str:
    """A time as text; `mixed` takes another form from one item to the next."""
    if form == "mixed":
        form = _FORMS[int(doc_id[:8], 16) % len(_FORMS)]
    match form:
        case "slashes":
            return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")
        case "iso":
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "epoch":
            return str(int(moment.timestamp() * 1000))
        case _:
            return local_text(moment)


_FORMS = ("local", "slashes", "iso", "epoch")
_SENTENCES = {
    Transport.INITIAL: "Van ban dang cho tiep nhan",
    Transport.PROCESSING: "Van ban dang duoc xu ly",
    Transport.DONE: "Da nhan thanh cong",
    Transport.FAIL: "Nhan khong thanh cong",
}
# The numbers of a prototype (axis API 5.5); which stand for which state is our guess.
_NUMBERS = {Transport.INITIAL: "01", Transport.PROCESSING: "05", Transport.DONE: "03", Transport.FAIL: "02"}
