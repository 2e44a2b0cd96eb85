"""What the axis knows and the restored database does not: shown to a person as differences, never sent again by itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.axis.port import Axis, AxisError, MessageType, SentRow
from gateway.directory import connections
from gateway.directory.records import Connection
from gateway.documents import repository as documents
from gateway.documents.model import Dispatch
from gateway.documents.reasons import reason_of
from gateway.installation import repository as installation
from gateway.installation.repository import Restoration
from gateway.installation.restored import current, held
from gateway.problems import Problem
from gateway.store import Store

_MARGIN = timedelta(days=1)
"""How much further back the axis is asked: it is not established in which zone it reads times."""

AxisOf = Callable[[Connection], Awaitable[Axis]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSince:
    """A packet of ours in the axis's sent list that no dispatch of the restored database has sent."""

    connection: str
    type: str
    axis_doc_id: str
    from_code: str | None
    to_codes: tuple[str, ...]
    notation: str | None
    sent_time: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingAtAxis:
    """An item that the axis still lists for us and that the restored database lacks; it is fetched after the release."""

    connection: str
    type: str
    axis_doc_id: str
    from_code: str | None
    to_code: str | None
    created_time: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDispatch:
    """A dispatch that would leave once released. `seen_as` names the packet of the sent list that seems to be it.

    `in_backup` is its state in the backup; None for one that was made after the restore.
    """

    dispatch: str
    type: str
    document: str
    document_id: str
    notation: str | None
    from_code: str
    to_codes: tuple[str, ...]
    in_backup: str | None
    created_at: datetime
    seen_as: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The comparison. `not_asked` are (connection, reason) whose axis gave no answer."""

    restoration: Restoration
    held: tuple[HeldDispatch, ...]
    sent_since: tuple[SentSince, ...]
    waiting: tuple[WaitingAtAxis, ...]
    not_asked: tuple[tuple[str, str], ...]


async def compare(store: Store, axis_of: AxisOf) -> Differences:
    """Ask every connection's axis; nothing is changed there or here. Raises Problem `restore.nothing_held`."""
    async with store.read() as tx:
        restoration = await current(tx)
        known = await connections.every(tx)
    sent: list[SentSince] = []
    waiting: list[WaitingAtAxis] = []
    not_asked: list[tuple[str, str]] = []
    for connection in known:
        try:
            axis = await axis_of(connection)
            for kind in MessageType:
                sent += await _sent(store, axis, connection, kind, restoration)
                waiting += await _waiting(store, axis, connection, kind)
        except AxisError as error:
            not_asked.append((connection.id, reason_of(error)))
        except Problem as problem:
            not_asked.append((connection.id, problem.code))
    return Differences(
        restoration=restoration,
        held=tuple(await _held(store, restoration, sent)),
        sent_since=tuple(sent),
        waiting=tuple(waiting),
        not_asked=tuple(not_asked),
    )


async def _sent(
    store: Store, axis: Axis, connection: Connection, kind: MessageType, restoration: Restoration
) -> list[SentSince]:
    packets: dict[str, list[SentRow]] = {}
    for row in await axis.sent(kind, since=restoration.taken_at - _MARGIN):
        packets.setdefault(row.sender_doc_id or f"?{len(packets)}", []).append(row)
    async with store.read() as tx:
        known = await documents.axis_ids_known(tx, connection.id, list(packets))
    return [
        SentSince(
            connection=connection.id,
            type=kind.value,
            axis_doc_id=id,
            from_code=rows[0].from_code,
            to_codes=tuple(row.to_code for row in rows if row.to_code),
            notation=rows[0].notation,
            sent_time=rows[0].sent_time,
        )
        for id, rows in packets.items()
        if id not in known
    ]


async def _waiting(store: Store, axis: Axis, connection: Connection, kind: MessageType) -> list[WaitingAtAxis]:
    listed = await axis.received(kind)
    async with store.read() as tx:
        known = await documents.known_arrivals(tx, connection.id, [item.doc_id for item in listed])
    # What the poller has booked since the restore is as new as what it has not.
    return [
        WaitingAtAxis(
            connection=connection.id,
            type=kind.value,
            axis_doc_id=item.doc_id,
            from_code=item.from_code,
            to_code=item.to_code,
            created_time=item.created_time,
        )
        for item in listed
        if item.doc_id not in known or known[item.doc_id].packet_id is None
    ]


async def _held(store: Store, restoration: Restoration, sent: list[SentSince]) -> list[HeldDispatch]:
    found = []
    async with store.read() as tx:
        states = await installation.restored_states(tx, restoration.id)
        for dispatch in await held(tx):
            document = await documents.find_document(tx, dispatch.document_id)
            if document is None:
                continue
            is_document = dispatch.message_type is MessageType.EDOC
            recipients = await documents.recipients_of_dispatch(tx, dispatch.id) if is_document else []
            notation = "/".join(part for part in (document.number, document.notation) if part) or None
            found.append(
                HeldDispatch(
                    dispatch=dispatch.id,
                    type=dispatch.message_type.value,
                    document=document.id,
                    document_id=document.document_id,
                    notation=notation,
                    from_code=dispatch.from_code,
                    to_codes=tuple(one.code for one in recipients),
                    in_backup=states.get(dispatch.id),
                    created_at=dispatch.created_at,
                    seen_as=_seen_as(dispatch, notation, sent) if is_document else None,
                )
            )
    return found


def _seen_as(dispatch: Dispatch, notation: str | None, sent: list[SentSince]) -> str | None:
    """The packet that seems to be this one: same sender, same number and notation.

    Receivers are not compared: the axis may name them by other codes. Where it errs, a person is asked once too often.
    """
    for one in sent:
        same_sender = one.from_code in (None, dispatch.from_code)
        if one.type == dispatch.message_type.value and same_sender and _same(one.notation, notation):
            return one.axis_doc_id
    return None


def _same(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return False
    return "".join(one.split()).casefold() == "".join(other.split()).casefold()
