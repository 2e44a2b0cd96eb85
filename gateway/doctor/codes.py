"""The codes of our own units: their form, and how their level-1 body stands today (G-01 to G-05)."""

from collections.abc import Iterable
from datetime import datetime

from gateway.directory.codes import CodeForm, CodeRefused, parse
from gateway.directory.level1 import Kind, Openness, level1
from gateway.directory.records import Unit
from gateway.doctor.checks import At, Check, Layer
from gateway.problems import Text
from gateway.times import VIETNAM


def code_checks(connection_id: str, units: Iterable[Unit], now: datetime) -> tuple[Check, ...]:
    """One check for each unit's own code."""
    return tuple(_code(At(Layer.CODE, connection_id, unit.code), unit.code, now) for unit in units)


def _code(at: At, text: str, now: datetime) -> Check:
    try:
        code = parse(text)
    except CodeRefused as refused:
        return at.error(_joined(refused.notes[0].text, text), _ASK)
    if code.form is CodeForm.OTHER:
        return at.warning(
            Text(
                f"Mã {text} không theo dạng nào của QĐ 20/2020 hay QCVN 102:2016.",
                f"Code {text} follows no form of QĐ 20/2020 or QCVN 102:2016.",
            ),
            _ASK,
        )
    if code.level1 is None:
        return at.ok(f"Mã {text} đúng dạng.", f"Code {text} is well formed.")
    row = level1(code.level1, now.astimezone(VIETNAM).date())
    if row is None or row.kind in (Kind.RESERVED, Kind.UNASSIGNED):
        return at.warning(
            Text(
                f"Mã cấp 1 {code.level1} của {text} chưa được cấp cho cơ quan nào theo danh mục kèm chương trình.",
                f"Level-1 code {code.level1} of {text} belongs to no body in the list shipped with this program.",
            ),
            _ASK,
        )
    if row.openness is not Openness.CLOSED:
        return at.ok(
            f"Mã {text} đúng dạng, mã cấp 1 chưa đóng.", f"Code {text} is well formed, its level 1 not closed."
        )
    successor = row.successor or "?"
    return at.warning(
        Text(f"Mã cấp 1 {code.level1} của {text} đã đóng.", f"Level-1 code {code.level1} of {text} has been closed."),
        Text(
            f"Cơ quan kế thừa có thể là {successor}; hỏi đơn vị cấp mã rồi đổi mã của đơn vị.",
            f"Its successor may be {successor}; ask who allots codes, then change the unit's code.",
        ),
    )


def _joined(text: Text, code: str) -> Text:
    return Text(f"{code}: {text.vi}", f"{code}: {text.en}")


_ASK = Text(
    "Đối chiếu với quyết định cấp mã định danh của cơ quan.", "Compare it with the decision that allotted the code."
)
