"""The simulated axis itself: takes packets, lays one item before each recipient, answers the thirteen operations.

It is not kinder than a real one: what is not known is read the harsher way (`readings`), and one bad recipient refuses the
whole packet. All state is in memory and belongs to one event loop.
"""

import asyncio
import random
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from gateway.axis.port import Agency, Item, MessageType, Registration, SentRow
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
from gateway.simulator.items import Copy, Items, Packet, lies_between
from gateway.simulator.registry import Registry, Unit, many
from gateway.simulator.rewriting import Rewriter, Rewritten
from gateway.store import Blob, Blobs
from gateway.times import Clock

_MANY = 100_000


class SimulatedAxis:
    """The backend behind the protocol's server half."""

    def __init__(
        self,
        registry: Registry,
        blobs: Blobs,
        rewriter: Rewriter,
        faults: FaultSet,
        clock: Clock,
        *,
        seed: int | None = None,
    ) -> None:
        self.registry = registry
        self.faults = faults
        self.packets: dict[str, Packet] = {}
        self.items = Items(faults, random.Random(seed), clock)  # noqa: S311 - the order of a list, no secret
        self._blobs = blobs
        self._rewriter = rewriter
        self._clock = clock
        self._of_packet: dict[str, list[Copy]] = {}
        self._sent_by: dict[tuple[str, MessageType], list[Packet]] = {}
        self._first_sent: dict[tuple[str, MessageType, str], str] = {}

    async def received(self, query: ReceivedQuery) -> Iterable[Item]:
        """What the readings show of what lies before the system, and what faults make of it."""
        parties = self.registry.two_parties(query.system_id)
        if query.kind is MessageType.STATUS and parties is not None:
            for content in self.faults.laid(*parties, self._clock()):
                await self.lay(query.kind, *parties, content)
        return self.items.listed(query)

    async def fetch(self, system_id: str, doc_id: str) -> Source:
        """The packet as re-written; also after it was acknowledged."""
        return self.items.own(system_id, doc_id).packet.rewritten.content

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Moves an item that is listed; what it does with another is a matter of readings."""
        self.faults.before_store(Operation.UPDATE_STATUS)
        self.items.acknowledge(acknowledgement, self._clock())
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
        received, readings = self._clock(), self.faults.readings
        rewritten = await asyncio.to_thread(self._rewriter.rewrite, submission.kind, body, received, readings)
        recipients = self._recipients(submission, rewritten)
        first = self._first_sent.get((system_id, submission.kind, body.sha256))
        if first is not None and readings.same_packet == "once":
            return first
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
        self._first_sent.setdefault((system_id, submission.kind, body.sha256), object_id)
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
        return self._of_packet[packet.object_id][0].doc_id

    def _recipients(self, submission: Submission, rewritten: Rewritten) -> list[tuple[str, Unit]]:
        """Each unit, or each system, once with the code it was addressed by first.

        Raises ServerFail for the first that cannot be.
        """
        sender = self.registry.unit(rewritten.from_code)
        if sender is None or sender.system_id != submission.system_id:
            raise ServerFail(ErrorCode.SENDER_NOT_REGISTERED, f"Đơn vị gửi {rewritten.from_code} không đăng ký")
        units: dict[str, tuple[str, Unit]] = {}
        readings = self.faults.readings
        restricted = submission.to if readings.to_header == "restricts" else None
        for code in _addressed(restricted, rewritten):
            unit = self.registry.unit(code)
            if unit is None:
                raise ServerFail(ErrorCode.UNKNOWN_RECEIVER, f"Đơn vị nhận {code} không tồn tại")
            if unit.locked:
                raise ServerFail(ErrorCode.RECEIVER_LOCKED, f"Đơn vị nhận {code} đã khoá")
            units.setdefault(unit.id if readings.items_per == "unit" else unit.system_id, (code, unit))
        return list(units.values())

    def _keep(self, packet: Packet, recipients: Sequence[tuple[str, Unit]], times: int) -> None:
        self.packets[packet.object_id] = packet
        self._sent_by.setdefault((packet.system_id, packet.rewritten.kind), []).append(packet)
        held = self.faults.held() if packet.rewritten.kind is MessageType.STATUS else 0
        self._of_packet[packet.object_id] = [
            self.items.add(packet, code, unit, held) for code, unit in recipients for _ in range(times)
        ]

    async def sent(self, query: SentQuery) -> Iterator[SentRow]:
        """One row for each copy of what the system has sent; nothing for a DocId that is not its own."""
        packets = self._sent_by.get((query.system_id, query.kind), [])
        if query.doc_id is not None:
            one = self.packets.get(query.doc_id)
            packets = [one] if one and (one.system_id, one.rewritten.kind) == (query.system_id, query.kind) else []
        dated = self.faults.readings.date_filters == "honoured"
        return (
            self.items.sent_row(copy)
            for packet in list(packets)
            if not dated or lies_between(packet.received, query.since, query.until)
            for copy in self._of_packet[packet.object_id]
        )

    async def count(self, system_id: str, kind: MessageType) -> int:
        """How many items wait."""
        return self.items.count(system_id, kind)

    async def agencies(self, system_id: str) -> Iterable[Agency]:  # noqa: ARG002 - the directory is one for all
        """All units of all systems."""
        return chain(list(self.registry.agencies()), self._more())

    async def agencies_qd20(self, system_id: str, level: str) -> Iterable[Agency]:  # noqa: ARG002 - as above
        """Units with a code of Decision 20/2020 on one level."""
        return chain(list(self.registry.agencies_qd20(level)), self._more())

    async def units(self, system_id: str) -> Iterable[Agency]:
        """All units, removed ones too, or what the system was not told yet."""
        incremental = self.faults.readings.sync_units == "changes"
        rows = self.registry.changes(system_id) if incremental else self.registry.all_units()
        return chain(list(rows), self._more())

    def _more(self) -> Iterable[Agency]:
        return many(_MANY, self._clock()) if self.faults.readings.directory == "100k" else ()

    async def register(self, system_id: str, registration: Registration) -> None:
        """Adds or changes a unit of the system."""
        self.registry.register(system_id, registration, self._clock())

    async def remove(self, system_id: str, agency_code: str) -> None:
        """Takes out a unit of the system; what waits for it stays."""
        self.registry.remove(system_id, agency_code, self._clock())


def _kept(blobs: Blobs, content: bytes) -> Blob:
    with blobs.create() as out:
        out.write(content)
        return out.commit()


def _addressed(restricted: Sequence[str] | None, rewritten: Rewritten) -> Sequence[str]:
    """The codes to deliver to: the packet's own, or those of them that the `to` header names."""
    if restricted is None:
        return rewritten.to_codes
    for code in restricted:
        if code not in rewritten.to_codes:
            raise ServerFail(ErrorCode.UNKNOWN_RECEIVER, f"Đơn vị nhận {code} không có trong gói tin")
    return restricted


def _object_id(now: datetime) -> str:
    """24 hex digits, the first eight the time, as the database of a real axis makes them."""
    return f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"
