"""The table of what is agreed with partners, and all SQL on it."""

from datetime import date

from sqlalchemy import Boolean, Column, Date, String, Table, delete, insert, select
from sqlalchemy.engine import RowMapping

from gateway.signing.partners.model import EVERYBODY, Policy, Treatment
from gateway.store import Transaction, metadata

_TREATMENT = String(10)

partner_policy_table = Table(
    "partner_policy",
    metadata,
    Column("partner", String(35), primary_key=True),
    Column("since", Date, primary_key=True),
    Column("until", Date),
    Column("unsigned", _TREATMENT, nullable=False),
    Column("stranger", _TREATMENT, nullable=False),
    Column("changed", _TREATMENT, nullable=False),
    Column("downgraded", _TREATMENT, nullable=False),
    Column("signs_since", Date),
    Column("sha1", Boolean, nullable=False),
    Column("enveloped", Boolean, nullable=False),
)


async def add(tx: Transaction, policy: Policy) -> None:
    """Keep one. Raises sqlalchemy's IntegrityError where one of this partner and day is there."""
    names = partner_policy_table.c.keys()
    await tx.execute(insert(partner_policy_table).values({name: getattr(policy, name) for name in names}))


async def remove(tx: Transaction, partner: str, since: date) -> bool:
    """Forget one; False where there is none."""
    column = partner_policy_table.c
    statement = delete(partner_policy_table).where(column.partner == partner, column.since == since)
    return (await tx.execute(statement)).rowcount == 1


async def every(tx: Transaction) -> list[Policy]:
    """All, by partner and day."""
    column = partner_policy_table.c
    rows = await tx.execute(select(partner_policy_table).order_by(column.partner, column.since))
    return [_policy(row) for row in rows.mappings()]


async def about(tx: Transaction, codes: frozenset[str]) -> list[Policy]:
    """Those of a partner by its codes, and those for everybody."""
    wanted = sorted({*codes, EVERYBODY})
    rows = await tx.execute(select(partner_policy_table).where(partner_policy_table.c.partner.in_(wanted)))
    return [_policy(row) for row in rows.mappings()]


def _policy(row: RowMapping) -> Policy:
    return Policy(
        partner=row["partner"],
        since=row["since"],
        until=row["until"],
        unsigned=Treatment(row["unsigned"]),
        stranger=Treatment(row["stranger"]),
        changed=Treatment(row["changed"]),
        downgraded=Treatment(row["downgraded"]),
        signs_since=row["signs_since"],
        sha1=row["sha1"],
        enveloped=row["enveloped"],
    )
