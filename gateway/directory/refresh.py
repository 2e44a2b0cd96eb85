"""The axis's list of bodies, taken in whole: read to its end, compared, written in one transaction (G-08)."""

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from gateway.axis.port import Agency
from gateway.directory import repository
from gateway.directory.records import AgencyRow
from gateway.problems import Text
from gateway.store import Store, Transaction

MAX_ROWS = 1_000_000
_MAX_TEXT = 1000
_MAX_VERSION = 2**63 - 1
_LOSS_PERCENT = 10
_MAX_CLAIMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshResult:
    """What an answer of the axis came to. `alarm` is set, and nothing was written, when it was not believed.

    `lost` counts bodies that were live before and are gone or deleted now. `left_out` counts rows that cannot be
    stored: without a usable code, or with a text over 1000 characters.
    """

    applied: bool
    before: int
    after: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    lost: int = 0
    left_out: int = 0
    alarm: Text | None = None


async def refresh(
    store: Store, connection_id: str, rows: AsyncIterator[Agency], now: datetime, *, force: bool = False
) -> RefreshResult:
    """Replace the stored list of one connection by a complete answer.

    An answer that loses a tenth or more of the live bodies is not applied unless `force`d by a person. Whatever `rows`
    raises passes through, and nothing is written: a cut answer is no list. No transaction is open while it is read.
    """
    answer = await _drain(connection_id, rows, now)
    if answer is None:
        return RefreshResult(applied=False, before=0, after=0, alarm=_too_many())
    async with store.begin() as tx:
        return await replace(tx, answer, now, force=force)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: its rows by code, and how many could not be stored."""

    connection_id: str
    rows: dict[str, AgencyRow]
    left_out: int


async def replace(tx: Transaction, answer: Answer, now: datetime, *, force: bool = False) -> RefreshResult:
    """Write what differs; rows that stayed as they were are not touched. Takes the answer's rows from it as it goes.

    Raises LookupError when there is no such connection.
    """
    connection_id, rest, after = answer.connection_id, answer.rows, len(answer.rows)
    if not await repository.lock_connection(tx, connection_id):
        raise LookupError("no such connection")
    changed: list[AgencyRow] = []
    gone: list[str] = []
    before = live = lost = 0
    async for some in repository.agencies_in_pieces(tx, connection_id):
        for old in some:
            new = rest.pop(old.code, None)
            before += 1
            live += not old.deleted
            lost += not old.deleted and (new is None or new.deleted)
            if new is None:
                gone.append(old.code)
            elif _content(new) != _content(old):
                changed.append(new)
    counts = RefreshResult(
        applied=True,
        before=before,
        after=after,
        added=len(rest),
        changed=len(changed),
        removed=len(gone),
        lost=lost,
        left_out=answer.left_out,
    )
    if lost and lost * 100 >= live * _LOSS_PERCENT and not force:
        return _disbelieved(counts, live)
    await repository.delete_agencies(tx, connection_id, gone)
    await repository.update_agencies(tx, changed)
    await repository.insert_agencies(tx, list(rest.values()))
    await repository.update_connection(tx, connection_id, {"agencies_at": now})
    return counts


async def _drain(connection_id: str, rows: AsyncIterator[Agency], now: datetime) -> Answer | None:
    found: dict[str, AgencyRow] = {}
    left_out = count = 0
    async for agency in rows:
        count += 1
        if count > MAX_ROWS:
            return None
        row = _row(connection_id, agency, now)
        if row is None:
            left_out += 1
            continue
        known = found.get(row.code)
        found[row.code] = row if known is None else _merged(known, row)
    _forget_crowded_former_codes(found)
    return Answer(connection_id, found, left_out)


def _forget_crowded_former_codes(rows: dict[str, AgencyRow]) -> None:
    """A former code that very many rows share is a filler (`0`, `null`) and says nothing of any body."""
    claims = Counter(former for row in rows.values() for former in {row.old_code, row.code_2016} if former)
    crowded = {former for former, count in claims.items() if count > _MAX_CLAIMS}
    for code, row in rows.items():
        if row.old_code in crowded or row.code_2016 in crowded:
            rows[code] = dataclasses.replace(
                row,
                old_code=None if row.old_code in crowded else row.old_code,
                code_2016=None if row.code_2016 in crowded else row.code_2016,
            )


def _row(connection_id: str, agency: Agency, now: datetime) -> AgencyRow | None:
    code = agency.code.strip()
    row = AgencyRow(
        connection_id=connection_id,
        code=code,
        name=agency.name.strip(),
        old_code=_former(agency.old_code, code),
        code_2016=_former(agency.code_2016, code),
        mail=_text(agency.mail),
        parent=_text(agency.parent_id),
        deleted=agency.deleted,
        axis_id=_text(agency.id),
        version=agency.version,
        seen_at=now,
    )
    return row if _can_be_stored(row) else None


def _can_be_stored(row: AgencyRow) -> bool:
    codes = [code for code in (row.code, row.old_code, row.code_2016) if code is not None]
    texts = [text for text in (row.name, row.mail, row.parent, row.axis_id) if text is not None]
    return (
        all(0 < len(code) <= repository.CODE_LENGTH and code.isprintable() for code in codes)
        and all(len(text) <= _MAX_TEXT and _is_storable(text) for text in texts)
        and abs(row.version or 0) <= _MAX_VERSION
    )


def _is_storable(text: str) -> bool:
    """PostgreSQL takes no NUL, no encoding takes a lone surrogate."""
    return "\0" not in text and (text.isascii() or text.encode(errors="ignore").decode() == text)


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _former(value: str | None, code: str) -> str | None:
    text = _text(value)
    return None if text == code else text


def _merged(one: AgencyRow, other: AgencyRow) -> AgencyRow:
    """Two rows of one code, in one list or in several read one after the other: the newer one, its blanks filled."""
    newer, older = (other, one) if _version(other) > _version(one) else (one, other)
    same = _version(one) == _version(other)
    return AgencyRow(
        connection_id=newer.connection_id,
        code=newer.code,
        name=newer.name or older.name,
        old_code=newer.old_code or older.old_code,
        code_2016=newer.code_2016 or older.code_2016,
        mail=newer.mail or older.mail,
        parent=newer.parent or older.parent,
        deleted=newer.deleted and older.deleted if same else newer.deleted,
        axis_id=newer.axis_id or older.axis_id,
        version=newer.version,
        seen_at=newer.seen_at,
    )


def _version(row: AgencyRow) -> int:
    return -_MAX_VERSION - 1 if row.version is None else row.version


def _content(row: AgencyRow) -> tuple[str | int | bool | None, ...]:
    return (
        row.name,
        row.old_code,
        row.code_2016,
        row.mail,
        row.parent,
        row.deleted,
        row.axis_id,
        row.version,
    )


def _disbelieved(counts: RefreshResult, live: int) -> RefreshResult:
    return dataclasses.replace(
        counts,
        applied=False,
        alarm=Text(
            f"Danh bạ mới của trục mất {counts.lost} trong {live} đơn vị đang hoạt động; "
            "chưa áp dụng, cần người phụ trách kiểm tra và xác nhận.",
            f"The axis's new list loses {counts.lost} of {live} live bodies; it was not applied and needs a person.",
        ),
    )


def _too_many() -> Text:
    return Text(
        f"Danh bạ của trục có hơn {MAX_ROWS} dòng; chưa áp dụng.",
        f"The axis's list has more than {MAX_ROWS} rows; it was not applied.",
    )
