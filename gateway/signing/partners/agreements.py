"""Writing down what is agreed with a partner. What is written is never changed: a later day's agreement comes after it."""

from datetime import date

from sqlalchemy.exc import IntegrityError

from gateway.problems import Kind, Problem, Text, first_of
from gateway.signing.partners import repository
from gateway.signing.partners.model import EVERYBODY, Policy
from gateway.signing.partners.policy import in_force
from gateway.store import Transaction

MOST_CODE = 35
"""Characters of a partner's code (QĐ 20/2020 Đ4)."""


async def agree(tx: Transaction, policy: Policy) -> None:
    """Write an agreement down. Raises Problem: `partner.code`, `partner.until`, `partner.agreed` (CONFLICT)."""
    if problem := first_of(_problems(policy)):
        raise problem
    try:
        async with tx.connection.begin_nested():
            await repository.add(tx, policy)
    except IntegrityError as error:
        raise Problem(
            "partner.agreed",
            Kind.CONFLICT,
            Text(
                f"Đã có chính sách của {policy.partner} từ ngày {policy.since}.",
                f"There is a policy of {policy.partner} from {policy.since}.",
            ),
            Text(
                "Gỡ chính sách đó (gateway partners remove) hoặc chọn ngày khác.",
                "Remove that one (gateway partners remove), or name another day.",
            ),
            field="/since",
        ) from error


async def end(tx: Transaction, partner: str, since: date) -> None:
    """Take an agreement out. Raises Problem `partner.unknown`."""
    if not await repository.remove(tx, partner, since):
        raise Problem(
            "partner.unknown",
            Kind.NOT_FOUND,
            Text(
                f"Không có chính sách của {partner[:MOST_CODE]} từ ngày {since}.",
                f"There is no policy of {partner[:MOST_CODE]} from {since}.",
            ),
            Text("Xem gateway partners list.", "See gateway partners list."),
        )


async def every(tx: Transaction) -> list[Policy]:
    """All agreements, by partner and day."""
    return await repository.every(tx)


async def with_partner(tx: Transaction, codes: frozenset[str], on: date) -> Policy:
    """What is in force on a day (in Vietnam) for a partner that bears these codes."""
    return in_force(await repository.about(tx, codes), codes, on)


def _problems(policy: Policy) -> list[Problem]:
    found: list[Problem] = []
    code = policy.partner
    if not (
        code == EVERYBODY or (0 < len(code) <= MOST_CODE and code.isascii() and code.isprintable() and " " not in code)
    ):
        found.append(
            Problem(
                "partner.code",
                Kind.INVALID,
                Text("Mã của đối tác không hợp lệ.", "This cannot be a partner's code."),
                Text(
                    "Dùng mã định danh của cơ quan, hoặc * cho mọi cơ quan.",
                    "Use the body's identifier code, or * for everybody.",
                ),
                field="/partner",
            )
        )
    if policy.until is not None and policy.until < policy.since:
        found.append(
            Problem(
                "partner.until",
                Kind.INVALID,
                Text("Ngày cuối sớm hơn ngày đầu.", "The last day lies before the first."),
                Text("Sửa --until hoặc --since.", "Correct --until or --since."),
                field="/until",
            )
        )
    return found
