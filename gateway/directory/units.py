"""Our own bodies, by code; each is routed to one connection. Only registered codes and aliases are ours."""

from collections.abc import Iterable
from datetime import datetime

from gateway.directory import connections, repository
from gateway.directory.codes import CodeRefused, parse
from gateway.directory.records import NewUnit, Unit
from gateway.problems import Kind, Problem, Text, first_of
from gateway.store import Transaction

MAX_ALIASES = 20

_LENGTHS = {
    "name": 500,
    "organization_in_charge": 200,
    "organ_add": 500,
    "email": 100,
    "telephone": 20,
    "fax": 20,
    "website": 100,
}


async def add(tx: Transaction, new: NewUnit, now: datetime) -> Unit:
    """A new unit with its aliases.

    Raises Problem: `unit.code`, `unit.length`, `unit.name`, `unit.aliases`, `unit.connection` for each value that
    cannot be used, `unit.code_taken` (CONFLICT) when one of its codes already names a unit.
    """
    found = _problems(new)
    if await connections.find(tx, new.connection_id) is None:
        found.append(
            _invalid(
                "unit.connection",
                Text("Không có kết nối này.", "There is no such connection."),
                Text("Tạo kết nối trước, rồi thêm đơn vị.", "Add the connection first, then the unit."),
                "/connection_id",
            )
        )
    problem = first_of(found)
    if problem is not None:
        raise problem
    await _refuse_taken(tx, [new.code, *new.aliases])
    await repository.insert_unit(tx, new, now)
    return await get(tx, new.code)


async def add_alias(tx: Transaction, code: str, alias: str) -> Unit:
    """One more code of a unit. Raises as `add`, and `unit.unknown`."""
    unit = await get(tx, code)
    problem = first_of(_alias_problems(unit.code, (*unit.aliases, alias)))
    if problem is not None:
        raise problem
    await _refuse_taken(tx, [alias])
    await repository.insert_aliases(tx, unit.code, [alias], first_place=len(unit.aliases))
    return await get(tx, code)


async def every(tx: Transaction, connection_id: str | None = None) -> tuple[Unit, ...]:
    """All units, or those routed to one connection; by code."""
    return await repository.units(tx, connection_id)


async def every_code(tx: Transaction, connection_id: str) -> dict[str, str]:
    """The canonical code of each unit routed to a connection, by each of its codes."""
    return {code: unit.code for unit in await every(tx, connection_id) for code in unit.codes}


async def by_code(tx: Transaction, code: str) -> Unit | None:
    """The unit whose canonical code this is."""
    unit = await own_unit(tx, code)
    return unit if unit is not None and unit.code == code else None


async def own_unit(tx: Transaction, code: str) -> Unit | None:
    """The unit that bears this code, canonical or alias. The other form of a code counts only if it is registered."""
    found = await repository.units_by_any_code(tx, [code])
    return found[0] if found else None


async def own_units(tx: Transaction, codes: Iterable[str]) -> tuple[Unit, ...]:
    """The units that bear one of these codes, each once; by code."""
    return await repository.units_by_any_code(tx, codes)


async def get(tx: Transaction, code: str) -> Unit:
    """The unit that bears this code; raises Problem `unit.unknown`."""
    unit = await own_unit(tx, code)
    if unit is None:
        raise Problem(
            "unit.unknown",
            Kind.NOT_FOUND,
            Text("Không có đơn vị nào của cổng mang mã này.", "No unit of this gateway bears this code."),
            Text("Xem danh sách đơn vị rồi thử lại.", "Look at the list of units and try again."),
        )
    return unit


async def _refuse_taken(tx: Transaction, codes: list[str]) -> None:
    taken = await repository.units_by_any_code(tx, codes)
    if not taken:
        return
    both = next(code for code in codes if code in (taken[0].code, *taken[0].aliases))
    raise Problem(
        "unit.code_taken",
        Kind.CONFLICT,
        Text(f"Mã {both} đã thuộc đơn vị {taken[0].code}.", f"Code {both} already belongs to unit {taken[0].code}."),
        Text("Mỗi mã chỉ thuộc một đơn vị; kiểm tra lại mã.", "A code belongs to one unit only; check it."),
        field="/code" if both == codes[0] else "/aliases",
    )


def _problems(new: NewUnit) -> list[Problem]:
    found = _code_problems(new.code, "/code") + _alias_problems(new.code, new.aliases)
    if not new.name.strip():
        found.append(
            _invalid(
                "unit.name",
                Text("Chưa có tên đơn vị.", "The unit has no name."),
                Text("Ghi tên cơ quan như trên văn bản.", "Give the body's name as it stands on its documents."),
                "/name",
            )
        )
    for name, length in _LENGTHS.items():
        value: str | None = getattr(new, name)
        if value is None or (len(value) <= length and value.isprintable()):
            continue
        found.append(
            _invalid(
                "unit.length",
                Text(
                    f"Giá trị dài quá {length} ký tự hoặc có ký tự điều khiển.",
                    f"The value is longer than {length} characters or holds control characters.",
                ),
                Text("Rút gọn rồi thử lại.", "Shorten it and try again."),
                f"/{name}",
            )
        )
    return found


def _alias_problems(code: str, aliases: tuple[str, ...]) -> list[Problem]:
    if len(aliases) > MAX_ALIASES or len({code, *aliases}) != len(aliases) + 1:
        return [
            _invalid(
                "unit.aliases",
                Text(
                    f"Có mã khác bị ghi lặp, trùng mã chính, hoặc nhiều hơn {MAX_ALIASES} mã.",
                    f"An alias is repeated, equals the code, or there are more than {MAX_ALIASES}.",
                ),
                Text("Mỗi mã khác chỉ ghi một lần.", "Give each other code once."),
                "/aliases",
            )
        ]
    return [problem for place, alias in enumerate(aliases) for problem in _code_problems(alias, f"/aliases/{place}")]


def _code_problems(code: str, field: str) -> list[Problem]:
    try:
        parse(code)
    except CodeRefused as refusal:
        return [
            _invalid(
                "unit.code",
                Text(
                    "Mã định danh không hợp lệ. " + " ".join(note.text.vi for note in refusal.notes),
                    "This cannot be an identifier code. " + " ".join(note.text.en for note in refusal.notes),
                ),
                Text("Sửa mã theo quyết định cấp mã của cơ quan.", "Correct it as the body's code was allotted."),
                field,
            )
        ]
    return []


def _invalid(code: str, text: Text, action: Text, field: str) -> Problem:
    return Problem(code, Kind.INVALID, text, action, field=field)
