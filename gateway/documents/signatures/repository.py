"""The table of kept signatures and all SQL on it."""

from base64 import b64decode, b64encode
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, Text, insert, select, update
from sqlalchemy.engine import RowMapping

from gateway.documents.repository import ID
from gateway.documents.signatures.model import KeptSignature, SubjectSort
from gateway.signing.facts import SignatureFacts
from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata

packet_signature_table = Table(
    "packet_signature",
    metadata,
    Column("subject", ID, primary_key=True),
    Column("sort", String(10), nullable=False),
    Column("packet_id", ID, ForeignKey("packet.id"), nullable=False),
    Column("unit_code", String(35), nullable=False),
    Column("sender_code", String(100), nullable=False),
    Column("proves_sender", Boolean, nullable=False),
    Column("certificate_sha256", String(64)),
    Column("signed_info_sha256", String(64)),
    Column("facts", Text, nullable=False),
    Column("certificate", Text, doc="base64 of DER, as those of chain and revocation"),
    Column("chain", JsonColumn(), nullable=False),
    Column("revocation", JsonColumn(), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("judged_at", UtcDateTime, nullable=False),
    Column("look_again_at", UtcDateTime),
    Index("ix_packet_signature_seen", "unit_code", "certificate_sha256", "signed_info_sha256"),
)
_again = packet_signature_table.c.look_again_at.is_not(None)
_proves = packet_signature_table.c.proves_sender
Index(
    "ix_packet_signature_again",
    packet_signature_table.c.look_again_at,
    sqlite_where=_again,
    postgresql_where=_again,
)
Index("ix_packet_signature_proof", packet_signature_table.c.sender_code, sqlite_where=_proves, postgresql_where=_proves)


async def keep(tx: Transaction, kept: KeptSignature) -> None:
    """Keep what was found."""
    await tx.execute(insert(packet_signature_table).values(_values(kept)))


async def judge_anew(tx: Transaction, kept: KeptSignature) -> None:
    """Write down what was found in a later look."""
    statement = update(packet_signature_table).where(packet_signature_table.c.subject == kept.subject)
    await tx.execute(statement.values(_values(kept)))


async def of(tx: Transaction, subjects: Collection[str]) -> dict[str, KeptSignature]:
    """Those of some documents, statuses or dispatches, by subject."""
    if not subjects:
        return {}
    statement = select(packet_signature_table).where(packet_signature_table.c.subject.in_(sorted(subjects)))
    return {row["subject"]: _kept(row) for row in (await tx.execute(statement)).mappings()}


async def was_seen(tx: Transaction, unit_code: str, certificate_sha256: str, signed_info_sha256: str) -> bool:
    """Whether this unit was sent the same signature before: the packet is a replay, or a repeat of the sender's."""
    column = packet_signature_table.c
    statement = select(column.subject).where(
        column.unit_code == unit_code,
        column.certificate_sha256 == certificate_sha256,
        column.signed_info_sha256 == signed_info_sha256,
    )
    return (await tx.execute(statement.limit(1))).first() is not None


async def has_signed(tx: Transaction, codes: Collection[str]) -> bool:
    """Whether a sender with one of these codes has sent us an intact signature that spoke for it."""
    column = packet_signature_table.c
    statement = select(column.subject).where(column.proves_sender, column.sender_code.in_(sorted(codes)))
    return (await tx.execute(statement.limit(1))).first() is not None


async def to_look_at_again(tx: Transaction, now: datetime, limit: int) -> list[KeptSignature]:
    """Those whose facts may be determined by now, the longest due first."""
    column = packet_signature_table.c
    statement = select(packet_signature_table).where(column.look_again_at <= now)
    rows = await tx.execute(statement.order_by(column.look_again_at, column.subject).limit(limit))
    return [_kept(row) for row in rows.mappings()]


def _values(kept: KeptSignature) -> dict[str, object]:
    return {
        "subject": kept.subject,
        "sort": kept.sort.value,
        "packet_id": kept.packet_id,
        "unit_code": kept.unit_code,
        "sender_code": kept.sender_code,
        "proves_sender": kept.proves_sender,
        "certificate_sha256": kept.facts.certificate.sha256 if kept.facts.certificate else None,
        "signed_info_sha256": kept.facts.signed_info_sha256,
        "facts": kept.facts.model_dump_json(exclude_none=True),
        "certificate": _text(kept.certificate) if kept.certificate else None,
        "chain": [_text(one) for one in kept.chain],
        "revocation": [_text(one) for one in kept.revocation],
        "received_at": kept.received_at,
        "judged_at": kept.judged_at,
        "look_again_at": kept.look_again_at,
    }


def _text(der: bytes) -> str:
    return b64encode(der).decode("ascii")


def _kept(row: RowMapping) -> KeptSignature:
    return KeptSignature(
        subject=row["subject"],
        sort=SubjectSort(row["sort"]),
        packet_id=row["packet_id"],
        unit_code=row["unit_code"],
        sender_code=row["sender_code"],
        facts=SignatureFacts.model_validate_json(row["facts"]),
        certificate=b64decode(row["certificate"]) if row["certificate"] else None,
        chain=tuple(b64decode(one) for one in row["chain"]),
        revocation=tuple(b64decode(one) for one in row["revocation"]),
        received_at=row["received_at"],
        judged_at=row["judged_at"],
        look_again_at=row["look_again_at"],
    )
