"""Who a code is: first by the stored lists of the axis, then by the shipped level-1 list, then by our own units.

The live catalogue wins (QĐ 20/2020/QĐ-TTg Đ9): a code that the axis lists is open even where the level-1 list says it
was closed, and the successor is then only mentioned. Nothing is ever redirected (G-04, G-05).
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from gateway.directory import level1 as level1_list
from gateway.directory import repository
from gateway.directory.codes import Code, CodeRefused, Proposal, counterpart, parse
from gateway.directory.level1 import Kind, Level1, Openness, Verified, level1
from gateway.directory.records import AgencyRow, Unit
from gateway.problems import Kind as ProblemKind
from gateway.problems import Problem, Text
from gateway.store import Transaction


class KnownBy(StrEnum):
    """Which list knows a code."""

    AXIS = "axis"
    LEVEL1 = "level1"
    UNIT = "unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one code on one date.

    `aliases`: other codes of the same body, vouched for by a catalogue or registered for our unit. `successor`: the
    body to ask about instead, where the code is closed or the level-1 list says so. `proposal`: for an unknown code,
    the code in the other form, if that one is known. A person decides on both. `verified` is about `known_by`.
    """

    code: str
    known_by: KnownBy | None
    name: str | None
    open: Openness
    successor: str | None
    aliases: frozenset[str]
    proposal: Proposal | None
    verified: Verified | None


async def standing(tx: Transaction, code: str, on: date, *, connection_id: str | None = None) -> Standing:
    """What is known of one code; `connection_id` restricts the axis's lists to that of one connection."""
    return (await standings(tx, [code], on, connection_id=connection_id))[0]


async def standings(
    tx: Transaction, codes: Sequence[str], on: date, *, connection_id: str | None = None
) -> tuple[Standing, ...]:
    """What is known of each code, in order, in a handful of queries for all of them."""
    return (await addressees(tx, codes, on, connection_id=connection_id))[0]


async def addressees(
    tx: Transaction, codes: Sequence[str], on: date, *, connection_id: str | None = None
) -> tuple[tuple[Standing, ...], tuple[tuple[str, str], ...]]:
    """As `standings`, with what `codes.fold` needs for these addressees: pairs of codes of one body."""
    proposals = {code: _counterpart(code) for code in codes}
    others = [proposal.code for proposal in proposals.values() if proposal is not None]
    known = await _gather(tx, {*codes, *others}, connection_id)
    answers = []
    for code in codes:
        answer = known.standing(code, on)
        proposal = proposals[code]
        if answer.known_by is None and proposal is not None and known.standing(proposal.code, on).known_by is not None:
            answer = replace(answer, proposal=proposal)
        answers.append(answer)
    return tuple(answers), known.pairs


async def aliases(tx: Transaction, code: str, *, connection_id: str | None = None) -> frozenset[str]:
    """All codes of the body that bears this one, itself included, as far as a catalogue or a person vouches."""
    return (await _gather(tx, {code}, connection_id)).same_body(code)


def refuse(standing: Standing, field: str) -> Problem | None:
    """Why nothing may be sent to this code: `recipient.unknown`, `recipient.closed`; None when it may."""
    code = _shown(standing.code)
    if standing.known_by not in (KnownBy.AXIS, KnownBy.LEVEL1):
        return Problem(
            "recipient.unknown",
            ProblemKind.INVALID,
            Text(
                f"Không tìm thấy nơi nhận {code} trong danh bạ của trục và trong danh mục mã cấp 1.",
                f"Receiver {code} is neither in the axis's list nor in the level-1 list.",
            ),
            _action_for_unknown(standing),
            field=field,
        )
    if standing.open is Openness.CLOSED:
        return Problem(
            "recipient.closed",
            ProblemKind.INVALID,
            Text(
                f"Mã nơi nhận {code} đã đóng, không gửi đến được.",
                f"Receiver code {code} has been closed; nothing can be sent to it.",
            ),
            _action_for_closed(standing),
            field=field,
        )
    return None


@dataclass(frozen=True, slots=True)
class _Known:
    """The rows that bear on some codes, and the pairs of codes that follow from them."""

    listed: dict[str, tuple[AgencyRow, ...]]
    claims: dict[str, tuple[AgencyRow, ...]]
    units: dict[str, Unit]
    pairs: tuple[tuple[str, str], ...]

    def standing(self, code: str, on: date) -> Standing:
        row = level1(code, on)
        official = row if row is not None and row.kind is Kind.SINGLE else None
        return self._by_axis(code, official) or _by_level1(code, official, self) or self._by_unit(code)

    def same_body(self, code: str) -> frozenset[str]:
        found, frontier = {code}, {code}
        while frontier:
            frontier = {
                other
                for one, another in self.pairs
                for here, other in ((one, another), (another, one))
                if here in frontier and other not in found
            }
            found |= frontier
        return frozenset(found)

    def others(self, code: str) -> frozenset[str]:
        return self.same_body(code) - {code}

    def _by_axis(self, code: str, official: Level1 | None) -> Standing | None:
        rows = self.listed.get(code, ())
        live = [row for row in rows if not row.deleted]
        claimants = _live_codes(self.claims.get(code, ()))
        claimant = claimants[0] if len(claimants) == 1 else None
        by_law = official.successor if official is not None else None
        if live:
            return self._axis(code, live[0].name, Openness.OPEN, by_law)
        if rows:
            return self._axis(code, rows[0].name, Openness.CLOSED, claimant or by_law)
        if claimant is None:
            return None
        row = next(row for row in self.claims[code] if row.code == claimant and not row.deleted)
        if _is_same_body(row, code):
            return self._axis(code, row.name, Openness.OPEN, by_law)
        return self._axis(code, official.name if official else None, Openness.CLOSED, claimant)

    def _axis(self, code: str, name: str | None, openness: Openness, successor: str | None) -> Standing:
        return Standing(
            code=code,
            known_by=KnownBy.AXIS,
            name=name,
            open=openness,
            successor=successor,
            aliases=self.others(code),
            proposal=_successor(successor),
            verified=Verified.YES,
        )

    def _by_unit(self, code: str) -> Standing:
        unit = self.units.get(code)
        return Standing(
            code=code,
            known_by=None if unit is None else KnownBy.UNIT,
            name=None if unit is None else unit.name,
            open=Openness.UNKNOWN if unit is None else Openness.OPEN,
            successor=None,
            aliases=self.others(code),
            proposal=None,
            verified=None if unit is None else Verified.YES,
        )


def _by_level1(code: str, official: Level1 | None, known: _Known) -> Standing | None:
    if official is None:
        return None
    return Standing(
        code=code,
        known_by=KnownBy.LEVEL1,
        name=official.name,
        open=official.openness,
        successor=official.successor,
        aliases=known.others(code),
        proposal=_successor(official.successor),
        verified=official.verified,
    )


async def _gather(tx: Transaction, asked: AbstractSet[str], connection_id: str | None) -> _Known:
    units = await repository.units_by_any_code(tx, asked)
    codes = {*asked, *(code for unit in units for code in unit.codes)}
    listed = await repository.agencies_by_code(tx, codes, connection_id)
    claiming = await repository.agencies_by_former_code(tx, codes, connection_id)
    # What else those rows call themselves: whether several bodies claim such a code decides if it is an alias.
    around = codes | _former(listed) | _former(claiming)
    if around != codes:
        claiming = await repository.agencies_by_former_code(tx, around, connection_id)
    claims = _by_former_code(claiming)
    wider = around | {row.code for row in claiming}
    if not wider <= codes:
        units = await repository.units_by_any_code(tx, wider)
    pairs = [pair for code, rows in claims.items() if code in around for pair in _vouched(code, rows)]
    pairs += [(unit.code, alias) for unit in units for alias in unit.aliases]
    pairs += [pair for pair in level1_list.pairs() if not codes.isdisjoint(pair)]
    by_code: dict[str, tuple[AgencyRow, ...]] = {}
    for row in listed:
        by_code[row.code] = (*by_code.get(row.code, ()), row)
    return _Known(
        listed=by_code,
        claims=claims,
        units={code: unit for unit in units for code in unit.codes},
        pairs=tuple(dict.fromkeys(pairs)),
    )


def _by_former_code(rows: Iterable[AgencyRow]) -> dict[str, tuple[AgencyRow, ...]]:
    claims: dict[str, tuple[AgencyRow, ...]] = {}
    for row in rows:
        for code in _former([row]):
            claims[code] = (*claims.get(code, ()), row)
    return claims


def _former(rows: Iterable[AgencyRow]) -> set[str]:
    return {code for row in rows for code in (row.old_code, row.code_2016) if code is not None}


def _vouched(code: str, rows: Sequence[AgencyRow]) -> list[tuple[str, str]]:
    """The pair that follows from the rows naming `code` as a former one; none where several bodies claim it."""
    claimants = _live_codes(rows) or sorted({row.code for row in rows})
    if len(claimants) != 1 or not any(_is_same_body(row, code) for row in rows if row.code == claimants[0]):
        return []
    return [(claimants[0], code)]


def _live_codes(rows: Iterable[AgencyRow]) -> list[str]:
    return sorted({row.code for row in rows if not row.deleted})


def _is_same_body(row: AgencyRow, former: str) -> bool:
    """Whether a former code still names the row's body: it is its code of 2016, or differs in form and not in level 1.

    An old code of the same form, or of another level-1 body, is what a merger or a renumbering leaves behind.
    """
    if row.code_2016 == former:
        return True
    one, other = _code(row.code), _code(former)
    if one is None or other is None or one.form is other.form:
        return False
    return None in (one.level1, other.level1) or one.level1 == other.level1


def _code(text: str) -> Code | None:
    try:
        return parse(text)
    except CodeRefused:
        return None


def _counterpart(text: str) -> Proposal | None:
    code = _code(text)
    return None if code is None else counterpart(code)


def _successor(code: str | None) -> Proposal | None:
    return None if code is None else Proposal(code=code, basis="successor")


def _action_for_unknown(standing: Standing) -> Text:
    if standing.proposal is not None:
        other = standing.proposal.code
        return Text(
            f"Có thể là {other} (suy từ quy tắc đảo nhóm mã, chưa được danh mục xác nhận); "
            "kiểm tra với nơi nhận rồi gửi lại với mã đúng.",
            f"It may be {other} (by turning the groups round, which no catalogue confirms); "
            "ask the receiver and send again with the right code.",
        )
    return Text(
        "Kiểm tra lại mã; nếu mã đúng, cập nhật danh bạ từ trục rồi gửi lại.",
        "Check the code; if it is right, refresh the axis's list and send again.",
    )


def _action_for_closed(standing: Standing) -> Text:
    if standing.successor is not None:
        return Text(
            f"Đơn vị kế thừa có thể là {standing.successor}; hãy xác nhận rồi gửi lại với mã đó. "
            "Cổng không tự chuyển hướng.",
            f"Its successor may be {standing.successor}; make sure and send again with that code. "
            "The gateway redirects nothing by itself.",
        )
    return Text(
        "Tìm đơn vị kế thừa trong danh mục rồi gửi lại với mã của đơn vị đó.",
        "Look up its successor in the catalogue and send again with that code.",
    )


def _shown(code: str) -> str:
    """A code as it may be quoted: it came from outside."""
    cut = code if len(code) <= 40 else code[:40] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)
