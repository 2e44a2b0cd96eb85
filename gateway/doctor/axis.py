"""What the axis itself says: whether it takes our signature, and whether it lists our own units."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

from gateway import opening
from gateway.axis.port import Agency, AxisRefused, AxisUnavailable
from gateway.axis.vxp import errors
from gateway.directory.records import Connection, Unit
from gateway.doctor.checks import At, Check, Layer
from gateway.doctor.reasons import reason_text
from gateway.problems import Problem, Text

LIST_SECONDS = 120.0
WRONG_SECRET = "15"  # noqa: S105 - an error code


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the axis's list says of our units: how many rows it has, and the live and deleted codes among ours."""

    rows: int
    live: frozenset[str]
    deleted: frozenset[str]


async def axis_checks(connection: Connection, units: Sequence[Unit]) -> AsyncGenerator[Check]:
    """The secret, the signature by way of the axis's list, and each unit in that list."""
    try:
        secret = await asyncio.to_thread(opening.read_secret, connection.secret_source)
    except Problem as problem:
        yield At(Layer.SECRET, connection.id).problem(problem)
        return
    yield At(Layer.SECRET, connection.id).ok("Đọc được khóa bí mật.", "The secret can be read.")
    at = At(Layer.SIGNATURE, connection.id)
    try:
        listed = await _listed(connection, secret, units)
    except Problem as problem:
        yield at.problem(problem)
        return
    except AxisRefused as refused:
        yield at.error(*_refused(refused))
        return
    except AxisUnavailable as unavailable:
        yield at.error(*reason_text(unavailable.reason))
        return
    except TimeoutError:
        yield at.error(*reason_text("timeout"))
        return
    yield at.ok(
        f"Trục nhận systemId và chữ ký; danh bạ có {listed.rows} đơn vị.",
        f"The axis takes systemId and signature; its list has {listed.rows} bodies.",
    )
    for unit in units:
        yield _sender(At(Layer.FROM, connection.id, unit.code), unit, listed, connection.system_id)


async def _listed(connection: Connection, secret: str, units: Sequence[Unit]) -> _Listed:
    axis = opening.axis_for(connection, secret)
    try:
        async with asyncio.timeout(LIST_SECONDS):
            return await _gather(axis.agencies(), {code for unit in units for code in unit.codes})
    finally:
        await axis.close()


async def _gather(agencies: AsyncIterator[Agency], ours: set[str]) -> _Listed:
    rows, live, deleted = 0, set[str](), set[str]()
    async for agency in agencies:
        rows += 1
        codes = ours & {code for code in (agency.code, agency.old_code, agency.code_2016) if code is not None}
        (deleted if agency.deleted else live).update(codes)
    return _Listed(rows, frozenset(live), frozenset(deleted - live))


def _sender(at: At, unit: Unit, listed: _Listed, system_id: str) -> Check:
    if unit.code == system_id:
        return at.ok("Mã đơn vị chính là systemId.", "The unit's code is the systemId itself.")
    if unit.code in listed.live:
        return at.ok(
            f"Trục có {unit.code} trong danh bạ; quyền gửi chỉ được trục kiểm tra khi gửi thật.",
            f"The axis lists {unit.code}; whether it may send is checked by the axis only when something is sent.",
        )
    aliases = [alias for alias in unit.aliases if alias in listed.live]
    if aliases:
        return at.warning(
            Text(
                f"Trục không có {unit.code} trong danh bạ, nhưng có mã khác của đơn vị: {', '.join(aliases)}.",
                f"The axis does not list {unit.code}, but another code of the unit: {', '.join(aliases)}.",
            ),
            Text(
                "Nếu gửi bị từ chối, lấy mã trong danh bạ làm mã chính của đơn vị.",
                "If sending is refused, make the listed code the unit's own.",
            ),
        )
    gone = unit.code in listed.deleted
    return at.error(
        Text(
            f"Trục đã xóa {unit.code} khỏi danh bạ." if gone else f"Trục không có {unit.code} trong danh bạ.",
            f"The axis has deleted {unit.code} from its list." if gone else f"The axis does not list {unit.code}.",
        ),
        Text(
            "Đề nghị đơn vị vận hành trục đăng ký mã này dưới systemId của kết nối, hoặc sửa mã của đơn vị.",
            "Ask the axis's operator to register it under this systemId, or correct the unit's code.",
        ),
    )


def _refused(refused: AxisRefused) -> tuple[Text, Text]:
    known = errors.explain(refused.code)
    text = Text(
        f"Trục từ chối, mã {refused.code}: {known.vi} Nguyên văn: {refused.text}",
        f"The axis refuses, code {refused.code}: {known.en} Its words: {refused.text}",
    )
    if refused.code == WRONG_SECRET:
        return text, Text(
            "So lại systemId và khóa bí mật với văn bản cấp; khóa ghi nguyên văn, không giải mã base64, không thừa ký tự.",
            "Compare systemId and secret with what was issued; the secret is used as it is, not decoded, nothing added.",
        )
    return text, Text(
        "Gửi mã và nguyên văn câu trả lời cho đơn vị vận hành trục.", "Tell the axis's operator this code and sentence."
    )
