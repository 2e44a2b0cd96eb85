"""The simulated axis itself: takes packets, lays one item before each recipient, answers the thirteen operations.

It is not kinder than a real one: it never removes duplicates, an item that is `processing` is listed again, and one bad
recipient refuses the whole packet. All state is in memory and belongs to one event loop.
"""

import asyncio
import secrets
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.axis.port import Agency, Item, MessageType, Registration, SentRow, Transport
from gateway.axis.vxp.backend import (
    Acknowledgement,
    ErrorCode,
    ReceivedQuery,
    SentQuery,
    ServerFail,
    Submission,
)
from gateway.axis.vxp.wire import Operation
from gateway.edxml.sinks import Sink, Source
from gateway.simulator.faults import FaultSet
from gateway.simulator.registry import Registry, Unit, local_text
from gateway.simulator.rewriting import Rewriter, Rewritten
from gateway.store import Blob, Blobs
from gateway.times import Clock

_FINAL = (Transport.DONE, Transport.FAIL)


@dataclass(slots=True, kw_only=True)
class Copy:
    """One recipient's copy of a packet: an item of a received list, and how often and with what it was acknowledged."""

    item: Item
    system_id: str
    packet: "Packet"
    created: datetime
    acks: list[tuple[datetime, Transport]] = field(default_factory=list)


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


class SimulatedAxis:
    """The backend behind the protocol's server half."""

    def __init__(self, registry: Registry, blobs: Blobs, rewriter: Rewriter, faults: FaultSet, clock: Clock) -> None:
        self.registry = registry
        self.faults = faults
        self.packets: dict[str, Packet] = {}
        self.copies: dict[str, Copy] = {}
        self._blobs = blobs
        self._rewriter = rewriter
        self._clock = clock
        self._waiting: dict[tuple[str, MessageType], dict[str, Copy]] = {}
        self._acknowledged: dict[tuple[str, MessageType], dict[str, Copy]] = {}
        self._of_packet: dict[str, list[Copy]] = {}
        self._sent_by: dict[tuple[str, MessageType], list[Packet]] = {}

    async def received(self, query: ReceivedQuery) -> Iterable[Item]:
        """Items that are `initial` or `processing`, oldest first, and what faults make of them."""
        key = (query.system_id, query.kind)
        return self.faults.listed(
            list(_items_between(self._waiting.get(key, {}).values(), query)),
            lambda: list(_items_between(self._acknowledged.get(key, {}).values(), query)),
        )

    async def fetch(self, system_id: str, doc_id: str) -> Source:
        """The packet as re-written; also after it was acknowledged."""
        return self._own(system_id, doc_id).packet.rewritten.content

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Moves an item that is not final; for a final one it changes nothing and says OK."""
        copy = self._own(acknowledgement.system_id, acknowledgement.doc_id)
        self.faults.before_store(Operation.UPDATE_STATUS)
        now = self._clock()
        copy.acks.append((now, acknowledgement.state))
        if copy.item.status not in _FINAL:
            copy.item = replace(copy.item, status=acknowledgement.state, updated_time=local_text(now))
        if copy.item.status in _FINAL:
            key = (copy.system_id, copy.item.message_type)
            self._waiting[key].pop(copy.item.doc_id, None)
            self._acknowledged.setdefault(key, {})[copy.item.doc_id] = copy
        self.faults.after_store(Operation.UPDATE_STATUS)

    async def new_body(self, submission: Submission) -> Sink:  # noqa: ARG002 - a real axis reads the body first too
        """A file in the axis's folder."""
        return self._blobs.create()

    async def send(self, submission: Submission, body: Sink) -> str:
        """Takes the packet for all its recipients, or refuses it for all."""
        object_id = _object_id(self._clock())
        try:
            return await self._take(object_id, submission, body)
        except ServerFail as fail:
            doc_id = None if fail.doc_id is None else object_id
            raise ServerFail(fail.code, fail.text, doc_id=doc_id) from None
        finally:
            body.discard()

    async def _take(self, object_id: str, submission: Submission, body: Sink) -> str:
        system_id, from_code = submission.system_id, submission.from_code
        if not self.registry.may_send_as(system_id, from_code):
            raise ServerFail(
                ErrorCode.SENDER_NOT_REGISTERED,
                f"Don vi gui {from_code} khong dung voi ma da dang ky: {system_id}",
            )
        received = self._clock()
        rewritten = await asyncio.to_thread(self._rewriter.rewrite, submission.kind, body, received)
        recipients = self._recipients(submission, rewritten)
        self.faults.before_store(Operation.SEND)
        packet = Packet(
            object_id=object_id,
            system_id=system_id,
            from_header=from_code,
            rewritten=rewritten,
            sha256=body.sha256,
            size=body.size,
            received=received,
        )
        self._keep(packet, recipients, self.faults.copies(Operation.SEND))
        self.faults.after_store(Operation.SEND)
        return object_id

    async def lay(self, kind: MessageType, from_code: str, to_code: str, content: bytes) -> str:
        """Lays bytes before a unit as they are, neither read nor re-written; the item's DocId. Raises ServerFail 18."""
        unit = self.registry.unit(to_code)
        if unit is None:
            raise ServerFail(ErrorCode.UNKNOWN_RECEIVER, f"Đơn vị nhận {to_code} không tồn tại")
        blob = await asyncio.to_thread(_kept, self._blobs, content)
        now = self._clock()
        rewritten = Rewritten(
            kind=kind,
            from_code=from_code,
            to_codes=(to_code,),
            document_id=None,
            title=None,
            notation=None,
            status_code=None,
            content=self._blobs.source(blob),
        )
        packet = Packet(
            object_id=_object_id(now),
            system_id="",
            from_header=from_code,
            rewritten=rewritten,
            sha256=blob.sha256,
            size=blob.size,
            received=now,
        )
        self._keep(packet, [(to_code, unit)], 1)
        return self._of_packet[packet.object_id][0].item.doc_id

    def _recipients(self, submission: Submission, rewritten: Rewritten) -> list[tuple[str, Unit]]:
        """Each unit once, with the code it was addressed by first; raises ServerFail for the first that cannot be."""
        sender = self.registry.unit(rewritten.from_code)
        if sender is None or sender.system_id != submission.system_id:
            raise ServerFail(ErrorCode.SENDER_NOT_REGISTERED, f"Đơn vị gửi {rewritten.from_code} không đăng ký")
        units: dict[str, tuple[str, Unit]] = {}
        for code in _addressed(submission, rewritten):
            unit = self.registry.unit(code)
            if unit is None:
                raise ServerFail(ErrorCode.UNKNOWN_RECEIVER, f"Đơn vị nhận {code} không tồn tại")
            if unit.locked:
                raise ServerFail(ErrorCode.RECEIVER_LOCKED, f"Đơn vị nhận {code} đã khoá")
            units.setdefault(unit.id, (code, unit))
        return list(units.values())

    def _keep(self, packet: Packet, recipients: Sequence[tuple[str, Unit]], times: int) -> None:
        self.packets[packet.object_id] = packet
        self._sent_by.setdefault((packet.system_id, packet.rewritten.kind), []).append(packet)
        copies = [_copy(packet, code, unit) for code, unit in recipients for _ in range(times)]
        self._of_packet[packet.object_id] = copies
        for copy in copies:
            self.copies[copy.item.doc_id] = copy
            self._waiting.setdefault((copy.system_id, copy.item.message_type), {})[copy.item.doc_id] = copy

    async def sent(self, query: SentQuery) -> Iterator[SentRow]:
        """One row for each copy of what the system has sent; nothing for a DocId that is not its own."""
        packets = self._sent_by.get((query.system_id, query.kind), [])
        if query.doc_id is not None:
            one = self.packets.get(query.doc_id)
            packets = [one] if one and (one.system_id, one.rewritten.kind) == (query.system_id, query.kind) else []
        return (
            _sent_row(packet, copy)
            for packet in list(packets)
            if _between(packet.received, query.since, query.until)
            for copy in self._of_packet[packet.object_id]
        )

    async def count(self, system_id: str, kind: MessageType) -> int:
        """How many items wait."""
        return len(self._waiting.get((system_id, kind), {}))

    async def agencies(self, system_id: str) -> Iterable[Agency]:  # noqa: ARG002 - the directory is one for all
        """All units of all systems."""
        return list(self.registry.agencies())

    async def agencies_qd20(self, system_id: str, level: str) -> Iterable[Agency]:  # noqa: ARG002 - as above
        """Units with a code of Decision 20/2020 on one level."""
        return list(self.registry.agencies_qd20(level))

    async def units(self, system_id: str) -> Iterable[Agency]:  # noqa: ARG002 - as above
        """All units, removed ones too."""
        return list(self.registry.all_units())

    async def register(self, system_id: str, registration: Registration) -> None:
        """Adds or changes a unit of the system."""
        self.registry.register(system_id, registration, self._clock())

    async def remove(self, system_id: str, agency_code: str) -> None:
        """Takes out a unit of the system; what waits for it stays."""
        self.registry.remove(system_id, agency_code, self._clock())

    def _own(self, system_id: str, doc_id: str) -> Copy:
        copy = self.copies.get(doc_id)
        if copy is None or copy.system_id != system_id:
            raise ServerFail(ErrorCode.FILE_INVALID, f"Không tìm thấy văn bản {doc_id}")
        return copy


def _kept(blobs: Blobs, content: bytes) -> Blob:
    with blobs.create() as out:
        out.write(content)
        return out.commit()


def _addressed(submission: Submission, rewritten: Rewritten) -> Sequence[str]:
    """The codes to deliver to: the packet's own, or those of them that the `to` header names."""
    if submission.to is None:
        return rewritten.to_codes
    for code in submission.to:
        if code not in rewritten.to_codes:
            raise ServerFail(ErrorCode.UNKNOWN_RECEIVER, f"Đơn vị nhận {code} không có trong gói tin")
    return submission.to


def _copy(packet: Packet, code: str, unit: Unit) -> Copy:
    moment = local_text(packet.received)
    item = Item(
        doc_id=str(uuid.uuid4()),
        message_type=packet.rewritten.kind,
        from_code=packet.rewritten.from_code,
        to_code=code,
        status=Transport.INITIAL,
        created_time=moment,
        updated_time=moment,
    )
    return Copy(item=item, system_id=unit.system_id, packet=packet, created=packet.received)


def _sent_row(packet: Packet, copy: Copy) -> SentRow:
    return SentRow(
        sender_doc_id=packet.object_id,
        receiver_doc_id=copy.item.doc_id,
        from_code=copy.item.from_code,
        to_code=copy.item.to_code,
        title=packet.rewritten.title,
        notation=packet.rewritten.notation,
        sent_time=local_text(packet.received),
        received_time=copy.item.updated_time if copy.acks else None,
        send_status=Transport.DONE.value,
        receive_status=copy.item.status.value,
    )


def _items_between(copies: Iterable[Copy], query: ReceivedQuery) -> Iterator[Item]:
    return (copy.item for copy in copies if _between(copy.created, query.since, query.until))


def _between(moment: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or moment >= since) and (until is None or moment <= until)


def _object_id(now: datetime) -> str:
    """24 hex digits, the first eight the time, as the database of a real axis makes them."""
    return f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"
