"""The way out, first half: a document is taken over from a document system, or refused with nothing changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from uuid import uuid4

from sqlalchemy.exc import IntegrityError

from gateway.axis.port import MessageType
from gateway.directory import catalogue, codes, units
from gateway.directory.records import Unit
from gateway.documents import repository, secrecy
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, unwatched
from gateway.documents.findings import findings_json
from gateway.documents.lanes import lane_of
from gateway.documents.model import (
    Attachment,
    Direction,
    Dispatch,
    DispatchState,
    Document,
    DocumentState,
    Recipient,
)
from gateway.documents.pools import put_dispatch
from gateway.documents.settings import DocumentsSettings
from gateway.edxml.checks import FileFacts, check_document
from gateway.edxml.document_id import composed_document_id
from gateway.edxml.findings import Finding
from gateway.edxml.model import Bussiness, DocumentPacket, Organ, TraceHeader
from gateway.edxml.names import safe_name
from gateway.edxml.normal import FileDigest, meaning_hash
from gateway.edxml.signable import Unsignable, signable_form
from gateway.edxml.survival import lost
from gateway.edxml.writer import completed
from gateway.inspection import Inspection
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text, first_of
from gateway.signing.keys import register as keys
from gateway.store import Blob, Transaction, new_id
from gateway.times import VIETNAM, Clock

NEW = "0"
REASON_OF_TYPE = {
    "0": "Văn bản điện tử mới",
    "1": "Thu hồi văn bản điện tử",
    "2": "Cập nhật văn bản điện tử",
    "3": "Văn bản thay thế",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedFile:
    """One file as the document system gave it; its bytes lie in a blob already."""

    attachment_name: str
    blob: Blob
    description: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a document system wants sent. `allowed_units`: the own units it may speak for; `inspected`: its files."""

    packet: DocumentPacket
    files: tuple[HandedFile, ...]
    allowed_units: frozenset[str]
    secrecy: str | None = None
    correlation_id: str | None = None
    inspected: Inspection = field(default_factory=Inspection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A draft that would be sent: completed, with its warnings."""

    packet: DocumentPacket
    unit: Unit
    recipients: tuple[Organ, ...]
    meaning: str
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The answer to taking over: `repeated` when the same document was taken over before (G-17)."""

    document: Document
    repeated: bool


class Outgoing:
    """Takes over documents. Writes in the caller's transaction and never commits."""

    def __init__(
        self,
        jobs: Jobs,
        announce: Announce,
        clock: Clock,
        settings: DocumentsSettings,
        passed: Passed = unwatched,
    ) -> None:
        self._jobs = jobs
        self._announce = announce
        self._clock = clock
        self._settings = settings
        self._passed = passed

    async def check(self, tx: Transaction, draft: Draft) -> Checked:
        """Every check of a real send. Raises Problem; one with `causes` where several things are wrong."""
        now = self._clock()
        header = draft.packet.message_header
        if refusal := secrecy.refusal(draft.packet, draft.secrecy):
            raise refusal
        unit = await _own_unit(tx, header.from_.organ_id, draft.allowed_units)
        self._within_bounds(header.to, draft.files)
        receivers = [to.organ_id or "" for to in header.to]
        standings, pairs = await catalogue.addressees(tx, receivers, _today(now), connection_id=unit.connection_id)
        packet = _completed(draft.packet, unit, standings, now)
        facts = [FileFacts(attachment_name=one.attachment_name, size=one.blob.size) for one in draft.files]
        found = check_document(packet, facts, _today(now))
        problems = [_problem_of(finding) for finding in found if finding.is_error]
        problems += [
            problem
            for position, standing in enumerate(standings)
            if header.to[position].organ_id
            and (problem := catalogue.refuse(standing, f"/message_header/to/{position}/organ_id"))
        ]
        if not problems and await keys.signs(tx, unit.code, now):
            problems += [_problem_of(finding) for finding in _unsignable(packet, draft.files)]
        if problem := first_of(problems):
            raise problem
        warnings = [finding for finding in found if not finding.is_error]
        warnings += lost(packet, facts)
        return Checked(
            packet=packet,
            unit=unit,
            recipients=_bodies(packet.message_header.to, pairs),
            meaning=meaning_hash(_timeless(packet), [_digest(one) for one in draft.files]),
            warnings=tuple(warnings),
        )

    async def accept(self, tx: Transaction, draft: Draft, checked: Checked) -> Taken:
        """Take a document over: document, recipients, dispatch, job and event, all in this transaction.

        `checked` is what `check` has just said of the same draft: all that a check asks was so a moment ago.
        Raises Problem `document.id_used` (CONFLICT) where the own DocumentId was used with other content.
        """
        now = self._clock()
        live_key = live_key_of(checked.packet, checked.meaning)
        if earlier := await repository.find_live(tx, checked.unit.code, live_key):
            return _repeated(earlier, checked.meaning)
        document = _document(checked, now)
        attachments = _attachments(document.id, draft)
        try:
            async with tx.connection.begin_nested():
                await repository.add_document(tx, document, attachments, live_key=live_key)
        except IntegrityError:
            earlier = await repository.find_live(tx, checked.unit.code, live_key)
            if earlier is None:
                raise
            return _repeated(earlier, checked.meaning)
        dispatch = _dispatch(document, checked.unit, now)
        await repository.add_dispatch(tx, dispatch)
        await repository.add_recipients(tx, _recipients(document.id, dispatch.id, checked.recipients, now))
        payload = {"correlation_id": draft.correlation_id} if draft.correlation_id else None
        size = sum(file.blob.size for file in draft.files)
        await put_dispatch(tx, self._jobs, dispatch, size=size, payload=payload)
        await self._announce(
            tx,
            Announcement(
                kind=Happening.ACCEPTED,
                at=now,
                unit_code=document.unit_code,
                document=document.id,
                proof={"meaning": document.meaning, "document_id": document.document_id},
            ),
        )
        tx.after_commit(partial(self._passed, "document.accepted"))
        return Taken(document=document, repeated=False)

    async def cancel(self, tx: Transaction, document: Document) -> Document:
        """Take back a document of which nothing has left. Raises Problem `document.has_left` (CONFLICT) otherwise."""
        now = self._clock()
        if document.direction is not Direction.OUT:
            raise _has_left("document.not_outgoing")
        if document.state is DocumentState.CANCELLED:
            return document
        for one in await repository.dispatches_of(tx, document.id):
            await self._jobs.cancel(tx, "dispatch", one.id)
            dispatch = await repository.hold_dispatch(tx, one.id)
            if dispatch is None or dispatch.state not in (DispatchState.QUEUED, DispatchState.BUILT):
                raise _has_left("document.has_left")
            await repository.save_dispatch(
                tx, replace(dispatch, state=DispatchState.CANCELLED, reason="cancelled", changed_at=now)
            )
        await repository.set_document_state(tx, document.id, DocumentState.CANCELLED, now, free_key=True)
        await self._announce(
            tx, Announcement(kind=Happening.CANCELLED, at=now, unit_code=document.unit_code, document=document.id)
        )
        return replace(document, state=DocumentState.CANCELLED, changed_at=now)

    def _within_bounds(self, to: Sequence[Organ], files: Sequence[HandedFile]) -> None:
        if len(to) > self._settings.max_recipients:
            raise _too_many("recipients.too_many", "/message_header/to", self._settings.max_recipients)
        if len(files) > self._settings.max_files:
            raise _too_many("files.too_many", "/attachments", self._settings.max_files)


async def _own_unit(tx: Transaction, code: str | None, allowed: frozenset[str]) -> Unit:
    unit = await units.own_unit(tx, code) if code else None
    if unit is None or unit.code not in allowed:
        raise Problem(
            "sender.not_own",
            Kind.INVALID,
            Text(
                f"Mã {code or '(trống)'} không phải là đơn vị mà khóa này được gửi thay.",
                f"The code {code or '(empty)'} is not a unit that this key may send for.",
            ),
            Text(
                "Kiểm tra message_header.from.organ_id; quản trị thêm đơn vị bằng 'gateway units add' "
                "và gắn vào khóa bằng 'gateway clients add'.",
                "Check message_header.from.organ_id; an operator adds units with 'gateway units add' "
                "and binds them to a key with 'gateway clients add'.",
            ),
            field="/message_header/from/organ_id",
        )
    return unit


def _completed(
    packet: DocumentPacket, unit: Unit, standings: Sequence[catalogue.Standing], now: datetime
) -> DocumentPacket:
    """The packet with what the gateway knows better: names, the composed DocumentId, the business block, our hop."""
    header = packet.message_header
    named = tuple(
        to if to.organ_name or not standing.name else to.model_copy(update={"organ_name": standing.name})
        for to, standing in zip(header.to, standings, strict=True)
    )
    completed = header.model_copy(
        update={
            "from_": _sender(header.from_, unit),
            "to": named,
            "document_id": header.document_id or composed_document_id(header),
        }
    )
    bussiness = packet.trace_header_list.bussiness or Bussiness()
    kind = bussiness.bussiness_doc_type or NEW
    bussiness = bussiness.model_copy(
        update={
            "bussiness_doc_type": kind,
            "bussiness_doc_reason": bussiness.bussiness_doc_reason or REASON_OF_TYPE.get(kind),
            "paper": bussiness.paper or "0",
        }
    )
    hop = TraceHeader(organ_id=header.from_.organ_id, timestamp=now.astimezone(VIETNAM).replace(microsecond=0))
    traces = packet.trace_header_list.model_copy(update={"trace_headers": (hop,), "bussiness": bussiness})
    return DocumentPacket(message_header=completed, trace_header_list=traces)


def _sender(given: Organ, unit: Unit) -> Organ:
    known = {
        "organization_in_charge": unit.organization_in_charge or unit.name,
        "organ_name": unit.name,
        "organ_add": unit.organ_add,
        "email": unit.email,
        "telephone": unit.telephone,
        "fax": unit.fax,
        "website": unit.website,
    }
    return given.model_copy(update={name: value for name, value in known.items() if getattr(given, name) is None})


def _bodies(to: Sequence[Organ], pairs: Sequence[tuple[str, str]]) -> tuple[Organ, ...]:
    """One addressee for each body: a second code of the same body in one packet is not a second receiver (G-03b)."""
    bodies = codes.fold(
        [codes.Addressee(code=one.organ_id or "", marker=one.organization_in_charge) for one in to], pairs
    )
    return tuple(to[body.positions[0]] for body in bodies)


def live_key_of(packet: DocumentPacket, meaning: str) -> str:
    """A new document holds its DocumentId; a document may be recalled or updated more than once, each by its meaning."""
    kind = packet.business_type
    key = f"{kind}|{packet.message_header.document_id}"
    return key if kind == NEW else f"{key[:180]}|{meaning}"


def _repeated(earlier: Document, meaning: str) -> Taken:
    if earlier.meaning == meaning:
        return Taken(document=earlier, repeated=True)
    raise Problem(
        "document.id_used",
        Kind.CONFLICT,
        Text(
            "Mã định danh văn bản này đã được dùng cho một văn bản có nội dung khác.",
            "This DocumentId was used already for a document with other content.",
        ),
        Text(
            f"Xem văn bản /v1/documents/{earlier.id}; dùng mã định danh khác, hoặc gửi bản cập nhật hay thay thế.",
            f"See /v1/documents/{earlier.id}; use another DocumentId, or send an update or a replacement.",
        ),
        field="/message_header/document_id",
    )


def _document(checked: Checked, now: datetime) -> Document:
    header = checked.packet.message_header
    return Document(
        id=new_id(now),
        direction=Direction.OUT,
        unit_code=checked.unit.code,
        sender_code=checked.unit.code,
        document_id=header.document_id or "",
        business_type=checked.packet.business_type,
        number=header.code.code_number,
        notation=header.code.code_notation,
        promulgation_date=header.promulgation_info.promulgation_date,
        subject=header.subject,
        priority=header.other_info.priority or 0,
        packet=checked.packet,
        state=DocumentState.WAITING,
        meaning=checked.meaning,
        twin_of=None,
        muted=False,
        findings=findings_json(checked.warnings),
        created_at=now,
        changed_at=now,
    )


def _attachments(document: str, draft: Draft) -> list[Attachment]:
    nobody_asked: list[str | None] = [None] * len(draft.files)
    verdicts = [str(verdict) for verdict in draft.inspected.verdicts] or nobody_asked
    return [
        Attachment(
            document_id=document,
            position=position,
            attachment_name=file.attachment_name,
            safe_name=safe_name(file.attachment_name),
            content_type=file.content_type,
            content_id=str(uuid4()),
            description=file.description,
            blob=file.blob,
            verdict=verdict,
        )
        for position, (file, verdict) in enumerate(zip(draft.files, verdicts, strict=True), 1)
    ]


def _dispatch(document: Document, unit: Unit, now: datetime) -> Dispatch:
    return Dispatch(
        id=new_id(now),
        message_type=MessageType.EDOC,
        unit_code=unit.code,
        document_id=document.id,
        status_event_id=None,
        connection_id=unit.connection_id,
        from_code=document.packet.message_header.from_.organ_id or unit.code,
        lane=int(lane_of(document.priority)),
        state=DispatchState.QUEUED,
        packet_id=None,
        axis_doc_id=None,
        attempts=0,
        reason=None,
        error_code=None,
        error_text=None,
        created_at=now,
        sent_at=None,
        changed_at=now,
    )


def _recipients(document: str, dispatch: str, to: Sequence[Organ], now: datetime) -> list[Recipient]:
    return [
        Recipient(
            id=new_id(now),
            document_id=document,
            position=position,
            code=one.organ_id or "",
            name=one.organ_name,
            dispatch_id=dispatch,
            transport_state=DispatchState.QUEUED,
            processing_code=None,
            processing_at=None,
        )
        for position, one in enumerate(to, 1)
    ]


def _timeless(packet: DocumentPacket) -> DocumentPacket:
    """Without our hop: the same document given twice says the same at any hour."""
    traces = packet.trace_header_list.model_copy(update={"trace_headers": ()})
    return packet.model_copy(update={"trace_header_list": traces})


def _unsignable(packet: DocumentPacket, files: Sequence[HandedFile]) -> tuple[Finding, ...]:
    """What a signature would not survive on the way to its receivers (docs/packet-signature.md)."""
    try:
        signable_form(completed(packet), [_digest(one) for one in files])
    except Unsignable as refusal:
        return refusal.findings
    return ()


def _digest(file: HandedFile) -> FileDigest:
    return FileDigest(
        name=file.attachment_name, description=file.description, size=file.blob.size, sha256=file.blob.sha256
    )


def _problem_of(finding: Finding) -> Problem:
    return Problem(
        finding.code,
        Kind.INVALID,
        finding.message,
        Text("Sửa trường được nêu rồi gửi lại.", "Correct the named field and send again."),
        field=finding.pointer,
    )


def _too_many(code: str, field: str, limit: int) -> Problem:
    return Problem(
        code,
        Kind.TOO_LARGE,
        Text(f"Nhiều hơn {limit} mục.", f"More than {limit} entries."),
        Text("Chia thành nhiều văn bản, hoặc đề nghị quản trị nâng giới hạn.", "Split it, or ask for a higher limit."),
        field=field,
    )


def _has_left(code: str) -> Problem:
    return Problem(
        code,
        Kind.CONFLICT,
        Text("Văn bản đã rời cổng hoặc đang gửi, không hủy được nữa.", "The document has left or is leaving."),
        Text("Gửi văn bản thu hồi (loại nghiệp vụ 1).", "Send a recall (business type 1)."),
    )


def _today(now: datetime) -> date:
    return now.astimezone(VIETNAM).date()
