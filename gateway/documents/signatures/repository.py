"""The tables of kept signatures and of what they rest on, and all SQL on them."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.engine import RowMapping

from gateway.documents.repository import ID
from gateway.documents.signatures.model import KeptSignature, SubjectSort
from gateway.signing.facts import SignatureFacts
from gateway.signing.verify import KnownSigner
from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata
from gateway.store.inserts import unless_there

signature_proof_table = Table(
    "signature_proof",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("data", Text, nullable=False, doc="base64 of a certificate, a CRL or an OCSP answer (DER), kept once"),
)

packet_signature_table = Table(
    "packet_signature",
    metadata,
    Column("subject", ID, primary_key=True),
    Column("sort", String(10), nullable=False),
    Column("packet_id", ID, ForeignKey("packet.id"), nullable=False),
    Column("unit_code", String(35), nullable=False),
    Column("sender_code", String(100), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("certificate_sha256", String(64)),
    Column("signed_info_sha256", String(64)),
    Column("facts", Text, nullable=False),
    Column("chain", JsonColumn(), nullable=False),
    Column("revocation", JsonColumn(), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("judged_at", UtcDateTime, nullable=False),
    Index("ix_packet_signature_packet", "packet_id"),
    Index("ix_packet_signature_seen", "unit_code", "certificate_sha256", "signed_info_sha256"),
)
_column = packet_signature_table.c
Index(
    "ix_packet_signature_open",
    _column.certificate_sha256,
    _column.judged_at,
    sqlite_where=_column.is_open,
    postgresql_where=_column.is_open,
)

known_signer_table = Table(
    "known_signer",
    metadata,
    Column("sender_code", String(100), primary_key=True),
    Column("certificate_sha256", String(64), primary_key=True),
    Column("since", UtcDateTime, nullable=False),
)
# Made once: to make such a statement anew takes longer than the database takes for it.
_KEEP = insert(packet_signature_table)
_JUDGE_ANEW = update(packet_signature_table).where(_column.subject == bindparam("of_subject"))
_FACTS_OF = select(_column.subject, _column.facts).where(_column.subject.in_(bindparam("subjects", expanding=True)))
_OF_PACKET = (
    select(packet_signature_table).where(_column.packet_id == bindparam("of_packet")).order_by(_column.subject).limit(1)
)
_WAS_SEEN = (
    select(_column.subject)
    .where(
        _column.unit_code == bindparam("of_unit"),
        _column.certificate_sha256 == bindparam("of_certificate"),
        _column.signed_info_sha256 == bindparam("of_signed_info"),
    )
    .limit(1)
)
_KNOWN_SIGNER = select(known_signer_table.c.certificate_sha256, known_signer_table.c.since).where(
    known_signer_table.c.sender_code.in_(bindparam("codes", expanding=True))
)
_PROOFS = select(signature_proof_table.c.sha256, signature_proof_table.c.data).where(
    signature_proof_table.c.sha256.in_(bindparam("names", expanding=True))
)
_ADD_PROOF = unless_there(signature_proof_table, "sha256")
_ADD_SIGNER = unless_there(known_signer_table, "sender_code", "certificate_sha256")


async def keep(tx: Transaction, kept: KeptSignature) -> None:
    """Keep what was found."""
    await _keep_beside(tx, kept)
    await tx.execute(_KEEP, _values(kept))


async def judge_anew(tx: Transaction, kept: KeptSignature) -> None:
    """Write down what was found in a later look."""
    await _keep_beside(tx, kept)
    await tx.execute(_JUDGE_ANEW, {**_values(kept), "of_subject": kept.subject})


async def facts_of(tx: Transaction, subjects: Collection[str]) -> dict[str, SignatureFacts]:
    """The facts about some documents, arrivals or dispatches, by their id."""
    if not subjects:
        return {}
    rows = await tx.execute(_FACTS_OF, {"subjects": sorted(subjects)})
    return {row.subject: SignatureFacts.model_validate_json(row.facts) for row in rows}


async def of_packet(tx: Transaction, packet_id: str) -> KeptSignature | None:
    """What is kept of a packet's signature; where it came for several units, of the first."""
    row = (await tx.execute(_OF_PACKET, {"of_packet": packet_id})).mappings().first()
    return (await _kept(tx, [row]))[0] if row else None


async def was_seen(tx: Transaction, unit_code: str, certificate_sha256: str, signed_info_sha256: str) -> bool:
    """Whether this unit was sent the same signature before: the packet is a replay, or a repeat of the sender's."""
    of = {"of_unit": unit_code, "of_certificate": certificate_sha256, "of_signed_info": signed_info_sha256}
    return (await tx.execute(_WAS_SEEN, of)).first() is not None


async def known_signer(tx: Transaction, codes: Collection[str]) -> KnownSigner | None:
    """How a sender with one of these codes has signed so far, as far as it was proved; None when it never was."""
    rows = (await tx.execute(_KNOWN_SIGNER, {"codes": sorted(codes)})).all()
    if not rows:
        return None
    since = min(row.since for row in rows)
    return KnownSigner(since=since, certificates=frozenset(row.certificate_sha256 for row in rows))


async def open_of(tx: Transaction, certificate_sha256: str, limit: int) -> list[KeptSignature]:
    """Those by a certificate whose facts may be determined by now, the longest not looked at first."""
    statement = select(packet_signature_table).where(_column.is_open, _column.certificate_sha256 == certificate_sha256)
    rows = await tx.execute(statement.order_by(_column.judged_at, _column.subject).limit(limit))
    return await _kept(tx, rows.mappings().all())


async def _keep_beside(tx: Transaction, kept: KeptSignature) -> None:
    """What it rests on, each once; and that its sender signs, where it proves that."""
    own = (kept.certificate,) if kept.certificate else ()
    proofs = sorted({*own, *kept.chain, *kept.revocation})
    if proofs:
        rows = [{"sha256": _sha256(one), "data": b64encode(one).decode("ascii")} for one in proofs]
        await tx.execute(_ADD_PROOF[tx.dialect], rows)
    if kept.proves_sender and kept.certificate is not None:
        signer = {
            "sender_code": kept.sender_code,
            "certificate_sha256": _sha256(kept.certificate),
            "since": kept.received_at,
        }
        await tx.execute(_ADD_SIGNER[tx.dialect], signer)


def _values(kept: KeptSignature) -> dict[str, object]:
    return {
        "subject": kept.subject,
        "sort": kept.sort.value,
        "packet_id": kept.packet_id,
        "unit_code": kept.unit_code,
        "sender_code": kept.sender_code,
        "is_open": kept.is_open,
        "certificate_sha256": _sha256(kept.certificate) if kept.certificate else None,
        "signed_info_sha256": kept.facts.signed_info_sha256,
        "facts": kept.facts.model_dump_json(exclude_none=True),
        "chain": [_sha256(one) for one in kept.chain],
        "revocation": [_sha256(one) for one in kept.revocation],
        "received_at": kept.received_at,
        "judged_at": kept.judged_at,
    }


def _sha256(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


async def _kept(tx: Transaction, rows: Sequence[RowMapping]) -> list[KeptSignature]:
    named = {name for row in rows for name in (*row["chain"], *row["revocation"])}
    named |= {row["certificate_sha256"] for row in rows if row["certificate_sha256"]}
    found = await tx.execute(_PROOFS, {"names": sorted(named)}) if named else ()
    data = {row.sha256: b64decode(row.data) for row in found}
    return [
        KeptSignature(
            subject=row["subject"],
            sort=SubjectSort(row["sort"]),
            packet_id=row["packet_id"],
            unit_code=row["unit_code"],
            sender_code=row["sender_code"],
            facts=SignatureFacts.model_validate_json(row["facts"]),
            certificate=data[row["certificate_sha256"]] if row["certificate_sha256"] else None,
            chain=tuple(data[one] for one in row["chain"]),
            revocation=tuple(data[one] for one in row["revocation"]),
            received_at=row["received_at"],
            judged_at=row["judged_at"],
        )
        for row in rows
    ]
