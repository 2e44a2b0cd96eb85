"""Tables of trust and all SQL over them. Certificates and answers are base64 text, which a backup carries."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    Row,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    union_all,
    update,
)

from gateway.signing.trust.records import Answer, AnswerKind, Names, Role, Speaker, TrustCertificate, Watched
from gateway.store import Transaction, UtcDateTime, metadata
from gateway.store.inserts import inserts

trust_certificate_table = Table(
    "trust_certificate",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("certificate", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("note", String(500), nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    CheckConstraint("role IN ('anchor', 'intermediate')", name="role"),
)

certificate_code_table = Table(
    "certificate_code",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("names", String(20), nullable=False),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("code", String(64), nullable=False, index=True),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime),
    Column("note", String(500), nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    CheckConstraint("names IN ('certificate', 'key')", name="names"),
)

revocation_answer_table = Table(
    "revocation_answer",
    metadata,
    Column("kind", String(10), primary_key=True),
    Column("about", String(64), primary_key=True),
    Column("data", Text, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("fetched_at", UtcDateTime, nullable=False),
)

watched_certificate_table = Table(
    "watched_certificate",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("certificate", Text, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("looked_at", UtcDateTime),
    Column("trouble", String(80)),
)


async def put_certificate(tx: Transaction, one: TrustCertificate) -> None:
    """A certificate in its role; one that was there gets the new role."""
    values = {**asdict(one), "certificate": _text(one.certificate)}
    new = inserts(trust_certificate_table)[tx.dialect].values(values)
    await tx.execute(new.on_conflict_do_update(index_elements=["sha256"], set_=values))


async def certificates(tx: Transaction) -> tuple[TrustCertificate, ...]:
    """All, anchors first."""
    statement = select(trust_certificate_table).order_by(
        trust_certificate_table.c.role, trust_certificate_table.c.subject, trust_certificate_table.c.sha256
    )
    return tuple(_certificate(row) for row in await tx.execute(statement))


async def remove_certificate(tx: Transaction, sha256: str) -> bool:
    """Forget it; False when it was not there."""
    column = trust_certificate_table.c
    return (await tx.execute(delete(trust_certificate_table).where(column.sha256 == sha256))).rowcount == 1


async def add_speaker(tx: Transaction, one: Speaker) -> None:
    """A row."""
    await tx.execute(insert(certificate_code_table).values(asdict(one)))


async def speakers(tx: Transaction) -> tuple[Speaker, ...]:
    """All, by code."""
    column = certificate_code_table.c
    rows = await tx.execute(select(certificate_code_table).order_by(column.code, column.valid_from, column.id))
    return tuple(Speaker(**{**row._mapping, "names": Names(row.names)}) for row in rows)


async def remove_speaker(tx: Transaction, id: str) -> bool:
    """Forget a row; False when it was not there."""
    done = await tx.execute(delete(certificate_code_table).where(certificate_code_table.c.id == id))
    return done.rowcount == 1


async def put_answer(tx: Transaction, one: Answer) -> None:
    """Keep an answer in place of the one before, unless that was made later."""
    values, column = {**asdict(one), "data": _text(one.data)}, revocation_answer_table.c
    new = inserts(revocation_answer_table)[tx.dialect].values(values)
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=["kind", "about"], set_=values, where=column.made_at <= new.excluded.made_at
        )
    )


async def answers(tx: Transaction, known: Mapping[tuple[AnswerKind, str], Answer]) -> tuple[Answer, ...]:
    """All that are kept. Of those in `known` that are the same still nothing is read: lists may have megabytes."""
    column = revocation_answer_table.c
    marks = select(column.kind, column.about, column.fetched_at).order_by(column.kind, column.about)
    found = []
    for row in (await tx.execute(marks)).all():
        kept = known.get((AnswerKind(row.kind), row.about))
        if kept is None or kept.fetched_at != row.fetched_at:
            whole = select(revocation_answer_table).where(column.kind == row.kind, column.about == row.about)
            read = (await tx.execute(whole)).one()
            kept = Answer(**{**read._mapping, "kind": AnswerKind(read.kind), "data": b64decode(read.data)})
        found.append(kept)
    return tuple(found)


async def watch(tx: Transaction, sha256: str, certificate: bytes, now: datetime) -> bool:
    """Note that a leaf came; whether it came for the first time."""
    values = {"sha256": sha256, "certificate": _text(certificate), "first_seen": now, "last_seen": now}
    column = watched_certificate_table.c
    new = (
        inserts(watched_certificate_table)[tx.dialect].values(values).on_conflict_do_nothing().returning(column.sha256)
    )
    if (await tx.execute(new)).first() is not None:
        return True
    await tx.execute(update(watched_certificate_table).where(column.sha256 == sha256).values(last_seen=now))
    return False


async def watched(tx: Transaction, sha256: str) -> Watched | None:
    """What is known of a leaf that came."""
    column = watched_certificate_table.c
    row = (await tx.execute(select(watched_certificate_table).where(column.sha256 == sha256))).first()
    return None if row is None else Watched(**{**row._mapping, "certificate": b64decode(row.certificate)})


async def looked_at(tx: Transaction, sha256: str, now: datetime, trouble: str | None) -> None:
    """It was asked about; `trouble` is a short stable word."""
    column = watched_certificate_table.c
    statement = update(watched_certificate_table).where(column.sha256 == sha256)
    await tx.execute(statement.values(looked_at=now, trouble=trouble))


async def troubles(tx: Transaction) -> dict[str, str]:
    """Why looks learnt nothing, by certificate."""
    column = watched_certificate_table.c
    rows = await tx.execute(select(column.sha256, column.trouble).where(column.trouble.is_not(None)))
    return {row.sha256: row.trouble for row in rows}


async def stamp(tx: Transaction) -> tuple[tuple[object, ...], ...]:
    """Changes whenever something that a judgement rests on has changed."""
    of_each = [
        select(func.count().label("rows"), func.max(time).label("newest"))
        for time in (
            trust_certificate_table.c.added_at,
            certificate_code_table.c.added_at,
            revocation_answer_table.c.fetched_at,
            watched_certificate_table.c.looked_at,
        )
    ]
    return tuple(tuple(row) for row in await tx.execute(union_all(*of_each)))


def _certificate(row: Row[tuple[object, ...]]) -> TrustCertificate:
    values = dict(row._mapping)
    return TrustCertificate(**{**values, "role": Role(values["role"]), "certificate": b64decode(values["certificate"])})


def _text(data: bytes) -> str:
    return b64encode(data).decode()
