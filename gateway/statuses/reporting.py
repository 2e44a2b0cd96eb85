"""Feedback out: what the document system reports goes back to the other side as a status packet, by itself."""

from dataclasses import replace
from datetime import datetime, timedelta

from gateway.axis.port import MessageType
from gateway.directory import units
from gateway.directory.records import Unit
from gateway.documents import repository as documents
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.lanes import STATUS_LANE
from gateway.documents.model import Direction, Dispatch, DispatchState, Document, DocumentState
from gateway.documents.pools import put_dispatch
from gateway.edxml.checks import check_status
from gateway.edxml.findings import Finding
from gateway.edxml.model import Organ, ResponseFor, StaffInfo, StatusHeader, StatusPacket
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text, first_of
from gateway.statuses import repository
from gateway.statuses.codes import STATUS_CODES, Speaker, StatusCode, normal_code
from gateway.statuses.machine import Step, fold
from gateway.statuses.model import Staff, StatusEvent
from gateway.store import Transaction, new_id
from gateway.times import Clock

NOBODY = Staff()
_NO_ID = "N.MessageHeader.ResponseFor.DocumentId"
_POINTERS = {
    "/message_header/description": "/description",
    "/message_header/timestamp": "/source_time",
    "/message_header/staff_info/department": "/staff/department",
    "/message_header/staff_info/staff": "/staff/staff",
    "/message_header/staff_info/email": "/staff/email",
    "/message_header/staff_info/mobile": "/staff/mobile",
}
_CLOCKS_DIFFER = timedelta(minutes=10)
"""A step reported later than this after our present would stand before all that follow."""


class Reporter:
    """Records statuses that go out. Writes in the caller's transaction and never commits."""

    def __init__(self, jobs: Jobs, announce: Announce, clock: Clock) -> None:
        self._jobs = jobs
        self._announce = announce
        self._clock = clock

    async def report(
        self,
        tx: Transaction,
        document: Document,
        *,
        code: str,
        description: str | None = None,
        staff: Staff = NOBODY,
        source_time: datetime | None = None,
        recipient: str | None = None,
        correlation_id: str | None = None,
    ) -> list[StatusEvent]:
        """Record a step and let it go out: one event, or one for each recipient of a document of ours (13).

        `source_time` is when it happened there (default: now). The same step reported twice gives the first event.
        Raises Problem for a code that is not this side's to say, a missing reason, an unknown recipient.
        """
        status = _sayable(document, code, description)
        now = self._clock()
        at = source_time or now
        if at - now > _CLOCKS_DIFFER:
            raise _problem(
                "status.time_in_future",
                Text("Thời điểm của trạng thái nằm trong tương lai.", "The status's time lies in the future."),
                "/source_time",
            )
        addressees = await _addressees(tx, document, recipient)
        await documents.hold_document(tx, document.id)
        earlier = [one for one in await repository.history(tx, document.id) if one.direction is Direction.OUT]
        events = []
        for other_code, recipient_id in addressees:
            event = StatusEvent(
                id=new_id(now),
                document_id=document.id,
                recipient_id=recipient_id,
                direction=Direction.OUT,
                unit_code=document.unit_code,
                other_code=other_code,
                code=status.code,
                raw_code=status.code,
                description=description,
                staff=staff,
                source_time=at,
                recorded_at=now,
                moved=_moves(earlier, status.code, at),
                dispatch_id=None,
                arrival_id=None,
            )
            events.append(_same(earlier, event) or await self._record(tx, document, event, correlation_id))
        return events

    async def _alarm(self, tx: Transaction, document: Document, event: StatusEvent) -> None:
        """The document came without an id: its sender cannot be told of what, only a person can tell them."""
        await self._announce(
            tx,
            Announcement(
                kind=Happening.ALARM_UNSAYABLE,
                at=event.recorded_at,
                unit_code=document.unit_code,
                document=document.id,
                data={"code": event.code, "to": event.other_code},
            ),
        )

    async def _record(
        self, tx: Transaction, document: Document, event: StatusEvent, correlation_id: str | None
    ) -> StatusEvent:
        unit = await units.own_unit(tx, document.unit_code)
        if unit is None:
            raise LookupError("the unit of a document is missing")
        from_code = _our_code(document, unit)
        packet = _packet(document, unit, from_code, event)
        findings = [finding for finding in check_status(packet) if finding.is_error]
        if problem := first_of([_finding_problem(finding) for finding in findings if not _is_theirs(finding)]):
            raise problem
        sayable = not any(finding.code == _NO_ID for finding in findings)
        if not sayable:
            await self._alarm(tx, document, event)
        if sayable and not document.muted:
            dispatch = _dispatch(document, unit, from_code, event)
            event = replace(event, dispatch_id=dispatch.id)
            await documents.add_dispatch(tx, dispatch)
            payload = {"correlation_id": correlation_id} if correlation_id else None
            await put_dispatch(tx, self._jobs, dispatch, payload=payload)
        await repository.add(tx, event)
        await self._announce(
            tx,
            Announcement(
                kind=Happening.STATUS_REPORTED,
                at=event.recorded_at,
                unit_code=document.unit_code,
                document=document.id,
                data={"code": event.code, "to": event.other_code},
                proof={"status": event.id},
            ),
        )
        return event


def _is_theirs(finding: Finding) -> bool:
    """Whether it speaks of what we only echo: nobody here can correct it, and a document with it was accepted."""
    return finding.pointer is not None and finding.pointer.startswith("/message_header/response_for")


def _finding_problem(finding: Finding) -> Problem:
    return Problem(
        finding.code,
        Kind.INVALID,
        finding.message,
        Text("Sửa trường được nêu rồi gửi lại.", "Correct the named field and send again."),
        field=_POINTERS.get(finding.pointer or "", finding.pointer),
    )


async def status_packet_of(tx: Transaction, status_event_id: str) -> StatusPacket:
    """The packet that says a recorded status; what the dispatch's job writes."""
    event = await repository.find(tx, status_event_id)
    document = await documents.find_document(tx, event.document_id) if event else None
    unit = await units.own_unit(tx, document.unit_code) if document else None
    if event is None or document is None or unit is None:
        raise LookupError("the status of a dispatch is missing")
    return _packet(document, unit, _our_code(document, unit), event)


def _sayable(document: Document, code: str, description: str | None) -> StatusCode:
    status = STATUS_CODES.get(normal_code(code))
    if status is None:
        raise _problem(
            "status.unknown_code",
            Text(
                f"Mã trạng thái {code[:10]} không có trong danh mục.", f"Status code {code[:10]} is not in the table."
            ),
            "/code",
        )
    speaker = Speaker.RECEIVER if document.direction is Direction.IN else Speaker.SENDER
    if status.speaker is not speaker:
        raise _problem(
            "status.not_yours",
            Text(
                f"Trạng thái {status.code} do bên kia báo, không phải bên này.",
                f"Status {status.code} is the other side's to report.",
            ),
            "/code",
        )
    if document.direction is Direction.OUT and document.state is not DocumentState.SENT:
        raise _problem(
            "status.not_sent_yet",
            Text(
                "Văn bản chưa gửi đi nên chưa lấy lại được; hãy hủy.", "The document was not sent; cancel it instead."
            ),
            None,
        )
    if status.needs_reason and not (description or "").strip():
        raise _problem(
            "status.reason_missing",
            Text(f"Trạng thái {status.code} cần nêu lý do.", f"Status {status.code} needs a reason."),
            "/description",
        )
    return status


async def _addressees(tx: Transaction, document: Document, recipient: str | None) -> list[tuple[str, str | None]]:
    """(code at the other end, recipient id): the sender of what came, or the recipients of what we sent."""
    if document.direction is Direction.IN:
        return [(document.packet.message_header.from_.organ_id or document.sender_code, None)]
    recipients = await documents.recipients_of(tx, document.id)
    chosen = [one for one in recipients if recipient is None or one.code == recipient]
    if not chosen:
        raise _problem(
            "recipient.not_of_document",
            Text("Mã này không phải nơi nhận của văn bản.", "This code is not a recipient of the document."),
            "/recipient",
        )
    return [(one.code, one.id) for one in chosen]


def _our_code(document: Document, unit: Unit) -> str:
    """The code under which we were addressed, or sent: the one the other side knows us by."""
    header = document.packet.message_header
    if document.direction is Direction.OUT:
        return header.from_.organ_id or unit.code
    return next((to.organ_id for to in header.to if to.organ_id in unit.codes), unit.code)


def _packet(document: Document, unit: Unit, from_code: str, event: StatusEvent) -> StatusPacket:
    header = document.packet.message_header
    number, notation = header.code.code_number, header.code.code_notation
    staff = event.staff
    return StatusPacket(
        message_header=StatusHeader(
            from_=Organ(
                organ_id=from_code,
                organization_in_charge=unit.organization_in_charge or unit.name,
                organ_name=unit.name,
                organ_add=unit.organ_add,
                email=unit.email,
                telephone=unit.telephone,
                fax=unit.fax,
                website=unit.website,
            ),
            response_for=ResponseFor(
                organ_id=event.other_code,
                code="/".join(part for part in (number, notation) if part) or None,
                document_id=header.document_id,
                promulgation_date=header.promulgation_info.promulgation_date,
            ),
            staff_info=StaffInfo(department=staff.department, staff=staff.staff, email=staff.email, mobile=staff.mobile)
            if staff != NOBODY
            else None,
            status_code=event.code,
            description=event.description,
            timestamp=event.source_time,
        )
    )


def _dispatch(document: Document, unit: Unit, from_code: str, event: StatusEvent) -> Dispatch:
    return Dispatch(
        id=new_id(event.recorded_at),
        message_type=MessageType.STATUS,
        unit_code=unit.code,
        document_id=document.id,
        status_event_id=event.id,
        connection_id=unit.connection_id,
        from_code=from_code,
        lane=int(STATUS_LANE),
        state=DispatchState.QUEUED,
        packet_id=None,
        axis_doc_id=None,
        attempts=0,
        reason=None,
        error_code=None,
        error_text=None,
        created_at=event.recorded_at,
        sent_at=None,
        changed_at=event.recorded_at,
    )


def _moves(earlier: list[StatusEvent], code: str, at: datetime) -> bool:
    steps = [Step(one.source_time, one.code) for one in earlier]
    return fold([*steps, Step(at, code)]) != fold(steps)


def _same(earlier: list[StatusEvent], event: StatusEvent) -> StatusEvent | None:
    """The same step told before; 01 is told once whatever its time."""
    for one in earlier:
        same = one.code == event.code and one.other_code == event.other_code
        if same and (STATUS_CODES[event.code].automatic or _told(one) == _told(event)):
            return one
    return None


def _told(event: StatusEvent) -> tuple[datetime, str | None, Staff]:
    return event.source_time, event.description, event.staff


def _problem(code: str, text: Text, field: str | None = None) -> Problem:
    return Problem(
        code,
        Kind.INVALID,
        text,
        Text("Xem bảng mã trạng thái trong tài liệu tích hợp.", "See the table of statuses in the integrator's guide."),
        field=field,
    )
