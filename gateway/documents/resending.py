"""Sending once more, when a person says so: the same dispatch, or a new one to chosen recipients, who start anew there.

All write in the caller's transaction and never commit. Nothing here decides by itself (rules 1 and 2 of the house).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from gateway.directory import catalogue
from gateway.documents import repository
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.model import Direction, Dispatch, DispatchState, Document, Recipient
from gateway.documents.outgoing import live_key_of
from gateway.documents.pools import put_dispatch
from gateway.documents.standing import move_document
from gateway.edxml.model import DocumentPacket, Organ
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text
from gateway.store import Transaction, new_id
from gateway.times import VIETNAM, Clock

REFUSED_CODE = "02"
_UNDER_WAY = frozenset({DispatchState.QUEUED, DispatchState.BUILT, DispatchState.SENDING})
_FAILED = frozenset({DispatchState.REJECTED, DispatchState.GIVEN_UP, DispatchState.CANCELLED})


def reduced(packet: DocumentPacket, recipients: Sequence[Recipient], at: datetime) -> DocumentPacket:
    """The packet to these recipients alone, with the hop of this dispatch: it is no duplicate to who has the first."""
    header = packet.message_header
    known = {one.organ_id: one for one in header.to}
    to = tuple(known.get(one.code) or Organ(organ_id=one.code, organ_name=one.name) for one in recipients)
    local = at.astimezone(VIETNAM).replace(microsecond=0)
    before = [hop.timestamp for hop in packet.trace_header_list.trace_headers if hop.timestamp]
    if before:  # wire times have whole seconds: within one, the two packets would say the same
        local = max(local, max(before).astimezone(VIETNAM) + timedelta(seconds=1))
    hops = tuple(hop.model_copy(update={"timestamp": local}) for hop in packet.trace_header_list.trace_headers)
    return DocumentPacket(
        message_header=header.model_copy(update={"to": to}),
        trace_header_list=packet.trace_header_list.model_copy(update={"trace_headers": hops}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Addressee:
    """One recipient of the new dispatch, in the place of one of an earlier."""

    former: Recipient
    code: str
    name: str | None


class Resender:
    """Makes dispatches leave again."""

    def __init__(self, jobs: Jobs, announce: Announce, clock: Clock) -> None:
        self._jobs = jobs
        self._announce = announce
        self._clock = clock

    async def again(self, tx: Transaction, dispatch: Dispatch, reason: str) -> Dispatch:
        """The same dispatch with the same bytes; where its packet was lost it is built anew. It must not be under way.

        Raises Problem `document.id_used` where the DocumentId was used for another document since, and
        `recipient.sent_since` where a later dispatch went to one of its recipients.
        """
        document = await self._document(tx, dispatch.document_id)
        standing = {one.id for one in await repository.recipients_of(tx, document.id)}
        if any(one.id not in standing for one in await repository.recipients_of_dispatch(tx, dispatch.id)):
            raise _sent_since()
        await _take_key(tx, document)
        keeps = dispatch.packet_id is not None and not (dispatch.reason or "").startswith("blob")
        waiting = replace(
            dispatch,
            state=DispatchState.BUILT if keeps else DispatchState.QUEUED,
            packet_id=dispatch.packet_id if keeps else None,
            doubts=0,
            reason=reason,
            error_code=None,
            error_text=None,
            changed_at=self._clock(),
        )
        await repository.save_dispatch(tx, waiting)
        await self._leave(tx, document, waiting)
        return waiting

    async def resend(self, tx: Transaction, document: Document, wanted: Sequence[str], *, force: bool) -> Dispatch:
        """A new dispatch to these recipients; those of the others are untouched.

        Raises Problem `recipient.not_in_document`, `recipient.under_way`, `recipient.has_it` (without `force`),
        `document.not_outgoing`, `document.id_used`.
        """
        _must_be_ours(document)
        by_code = {one.code: one for one in await self._held_recipients(tx, document)}
        chosen = []
        for place, code in enumerate(dict.fromkeys(wanted)):
            recipient = by_code.get(code)
            if recipient is None:
                raise _not_in_document(code, f"/recipients/{place}")
            _may_start_anew(recipient, f"/recipients/{place}", force=force)
            chosen.append(_Addressee(former=recipient, code=recipient.code, name=recipient.name))
        return await self._anew(tx, document, chosen)

    async def readdress(self, tx: Transaction, document: Document, wrong: str, right: str, *, force: bool) -> Dispatch:
        """A new dispatch with the right code in place of the wrong one.

        Where the axis took the packet of none, the other recipients of that packet go with it. Raises as `resend`, and
        `recipient.unknown`, `recipient.closed`, `recipient.twice`.
        """
        _must_be_ours(document)
        recipients = await self._held_recipients(tx, document)
        former = next((one for one in recipients if one.code == wrong), None)
        if former is None:
            raise _not_in_document(wrong, "/wrong")
        if any(one.code == right for one in recipients):
            raise _twice(right)
        _may_start_anew(former, "/wrong", force=force)
        dispatch = await repository.find_dispatch(tx, former.dispatch_id)
        today = self._clock().astimezone(VIETNAM).date()
        connection_id = dispatch.connection_id if dispatch else None
        standing = await catalogue.standing(tx, right, today, connection_id=connection_id)
        if problem := catalogue.refuse(standing, "/right"):
            raise problem
        with_it = [former]
        if former.transport_state in _FAILED:
            with_it = [one for one in recipients if one.dispatch_id == former.dispatch_id]
        chosen = [
            _Addressee(former=one, code=right, name=standing.name)
            if one.id == former.id
            else _Addressee(former=one, code=one.code, name=one.name)
            for one in with_it
        ]
        return await self._anew(tx, document, chosen)

    async def _anew(self, tx: Transaction, document: Document, chosen: Sequence[_Addressee]) -> Dispatch:
        now = self._clock()
        if not chosen:
            raise _nobody()
        await _take_key(tx, document)
        first = await repository.find_dispatch(tx, chosen[0].former.dispatch_id)
        if first is None:
            raise LookupError("the dispatch of a recipient is missing")
        dispatch = replace(
            first,
            id=new_id(now),
            state=DispatchState.QUEUED,
            packet_id=None,
            axis_doc_id=None,
            attempts=0,
            doubts=0,
            reason=None,
            error_code=None,
            error_text=None,
            created_at=now,
            sent_at=None,
            changed_at=now,
            resends=first.id,
        )
        await repository.add_dispatch(tx, dispatch)
        anew = [
            replace(
                one.former,
                id=new_id(now),
                code=one.code,
                name=one.name,
                dispatch_id=dispatch.id,
                transport_state=DispatchState.QUEUED,
                processing_code=None,
                processing_at=None,
            )
            for one in chosen
        ]
        await repository.add_recipients(tx, anew)
        for one, new in zip(chosen, anew, strict=True):
            await repository.replace_recipient(tx, one.former.id, new.id)
        await self._leave(tx, document, dispatch)
        return dispatch

    async def _leave(self, tx: Transaction, document: Document, dispatch: Dispatch) -> None:
        await move_document(tx, dispatch)
        await put_dispatch(tx, self._jobs, dispatch)
        await self._announce(
            tx,
            Announcement(
                kind=Happening.RESENT,
                at=dispatch.changed_at,
                unit_code=document.unit_code,
                document=document.id,
                data={"dispatch": dispatch.id},
                proof={"resends": dispatch.resends} if dispatch.resends else {},
            ),
        )

    async def _held_recipients(self, tx: Transaction, document: Document) -> list[Recipient]:
        """The present recipients, their dispatches held: none begins to leave, or is settled, meanwhile."""
        for one in await repository.dispatches_of(tx, document.id):
            await repository.hold_dispatch(tx, one.id)
        return await repository.recipients_of(tx, document.id)

    async def _document(self, tx: Transaction, id: str) -> Document:
        document = await repository.find_document(tx, id)
        if document is None:
            raise LookupError("the document of a dispatch is missing")
        return document


async def _take_key(tx: Transaction, document: Document) -> None:
    """A document that was refused had freed its DocumentId; what is sent again must have it back."""
    key = live_key_of(document.packet, document.meaning)
    try:
        async with tx.connection.begin_nested():
            await repository.hold_key(tx, document.id, key)
    except IntegrityError:
        raise Problem(
            "document.id_used",
            Kind.CONFLICT,
            Text(
                "Mã định danh văn bản này đã được dùng cho một văn bản khác sau khi bị từ chối.",
                "This DocumentId was used for another document since this one was refused.",
            ),
            Text("Xem văn bản đang dùng mã này.", "Look at the document that uses it now."),
        ) from None


def _must_be_ours(document: Document) -> None:
    if document.direction is not Direction.OUT:
        raise Problem(
            "document.not_outgoing",
            Kind.CONFLICT,
            Text("Đây là văn bản đến.", "This document came in."),
            Text("Chỉ gửi lại văn bản đi.", "Only what went out is sent again."),
        )


def _may_start_anew(recipient: Recipient, field: str, *, force: bool) -> None:
    if recipient.transport_state in _UNDER_WAY:
        raise Problem(
            "recipient.under_way",
            Kind.CONFLICT,
            Text(
                f"Văn bản đang trên đường tới {recipient.code}.", f"The document is on its way to {recipient.code} now."
            ),
            Text("Chờ kết quả lần gửi này.", "Wait for what comes of it."),
            field=field,
        )
    failed = recipient.transport_state in _FAILED or recipient.processing_code == REFUSED_CODE
    if failed or force:
        return
    raise Problem(
        "recipient.has_it",
        Kind.CONFLICT,
        Text(
            f"{recipient.code} đã có hoặc có thể đã có văn bản này.",
            f"{recipient.code} has this document, or may have it.",
        ),
        Text(
            "Nếu kết quả không rõ, hãy quyết định trước (settle); nếu vẫn muốn gửi thêm lần nữa, đặt force.",
            "Settle an unknown outcome first; to send one more all the same, say force.",
        ),
        field=field,
    )


def _not_in_document(code: str, field: str) -> Problem:
    return Problem(
        "recipient.not_in_document",
        Kind.INVALID,
        Text(f"{code[:40]} không phải nơi nhận của văn bản này.", f"{code[:40]} is no recipient of this document."),
        Text("Xem danh sách recipients của văn bản.", "See the document's recipients."),
        field=field,
    )


def _twice(code: str) -> Problem:
    return Problem(
        "recipient.twice",
        Kind.CONFLICT,
        Text(f"{code} đã là nơi nhận của văn bản này.", f"{code} is a recipient of this document already."),
        Text("Gửi lại cho nơi nhận đó.", "Send again to that recipient."),
        field="/right",
    )


def _sent_since() -> Problem:
    return Problem(
        "recipient.sent_since",
        Kind.CONFLICT,
        Text(
            "Một nơi nhận của lần gửi này đã được gửi lại sau đó; gửi lại cả gói sẽ thành hai bản.",
            "One of its recipients was sent to again since; the whole packet would give it two copies.",
        ),
        Text("Dùng resend với các nơi nhận còn lại.", "Use resend with the remaining recipients."),
    )


def _nobody() -> Problem:
    return Problem(
        "recipient.none",
        Kind.INVALID,
        Text("Chưa chọn nơi nhận.", "No recipient was chosen."),
        Text("Ghi ít nhất một mã nơi nhận.", "Name one recipient at least."),
        field="/recipients",
    )
