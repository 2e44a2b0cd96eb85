"""Identifier codes (mã định danh) in both forms: parsed, explained, compared. Pure.

QĐ 20/2020/QĐ-TTg Đ4: level 1 at the left end, at most 35 characters. QĐ 28/2018 Đ10.2.a (the form of 2016): exactly 13
characters, level 1 at the right end, zeros for a level that is absent. QĐ 20/2020 Đ5, Đ6: business numbers and `Zxy`
schemes, which are opaque. Codes outside every written form do travel (`vxp.saas.03`): they are read as OTHER and said
to be so, because a packet is never dropped only for the form of a code.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.problems import Text

MAX_LENGTH = 35
"""Characters of an identifier code (QĐ 20/2020 Đ4; QCVN 102 amendment 1:2022)."""

OLD_FORM_MARKER = "TLTVBQG_CDMDD_QD20"
"""OrganizationInCharge of the second To under which the axis lists the same body once more (packet format 6.3)."""

_QD20 = re.compile(r"[A-Y][0-9]{2}(\.[A-Z0-9]+)*")
_QCVN2016 = re.compile(r"[A-Z0-9]{3}\.[A-Z0-9]{2}\.[A-Z0-9]{2}\.[A-Y][0-9]{2}")
_SCHEME = re.compile(r"Z(0[1-9]|[1-9][0-9])([A-Za-z0-9]+([.\-_][A-Za-z0-9]+)*)?")
_BUSINESS = re.compile(r"[0-9]{10,13}")
_OPAQUE = re.compile(r"[A-Za-z0-9]+([.\-_][A-Za-z0-9]+)*")
_LEVEL_1 = re.compile(r"[A-Y][0-9]{2}")
_LENGTHS_2016 = (3, 2, 2, 3)


class CodeForm(StrEnum):
    """Which written rule a code follows."""

    QD20 = "qd20"
    QCVN2016 = "qcvn2016"
    SCHEME = "scheme"
    BUSINESS = "business"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Note:
    """One remark on a code: a stable dotted word and its sentence."""

    code: str
    text: Text


class CodeRefused(ValueError):
    """The text cannot be a code at all: empty, over 35 characters, or holding characters no code has."""

    def __init__(self, notes: tuple[Note, ...]) -> None:
        super().__init__("; ".join(note.text.en for note in notes))
        self.notes = notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One identifier code as read.

    `groups` run from level 1 downwards; a level of the 2016 form that is absent below the last one set is left out, one
    that is skipped stays as its zeros. Opaque codes have one group. `notes` holds what a person should know: for OTHER
    everything that keeps it from a written form, for the others remarks that refuse nothing.
    """

    text: str
    form: CodeForm
    level1: str | None
    groups: tuple[str, ...]
    notes: tuple[Note, ...] = ()

    @property
    def depth(self) -> int | None:
        """1 for a level-1 body, and so on down; None for an opaque code."""
        return None if self.level1 is None else len(self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a code may be called in the other form, or after a merger. Never used without a person or the catalogue.

    `basis` is `reversal` (the groups turned round) or `successor` (the list names another body).
    """

    code: str
    basis: str


@dataclass(frozen=True, slots=True)
class Addressee:
    """One To of a packet: its OrganId, and its OrganizationInCharge, where the axis puts its marker."""

    code: str
    marker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One receiver, however many codes stood for it. `positions` are the places of its entries in the list."""

    code: str
    also: tuple[str, ...]
    positions: tuple[int, ...]


def parse(text: str) -> Code:
    """The code read, whatever its form; raises CodeRefused only where it cannot be a code (G-01, G-02, G-03)."""
    if len(text) > MAX_LENGTH or not _OPAQUE.fullmatch(text):
        raise CodeRefused(problems(text))
    # A text may fit both forms (`A01.02.03.H41`): lower groups with letters are known in the form of 2020 only.
    if _QD20.fullmatch(text):
        groups = tuple(text.split("."))
        notes = (_AMBIGUOUS,) if _QCVN2016.fullmatch(text) else ()
        return Code(text=text, form=CodeForm.QD20, level1=groups[0], groups=groups, notes=notes)
    if _QCVN2016.fullmatch(text):
        return _parse_2016(text)
    if _SCHEME.fullmatch(text):
        notes = (_SCHEME_ALONE,) if len(text) == len("Zxy") else ()
        return Code(text=text, form=CodeForm.SCHEME, level1=None, groups=(text,), notes=notes)
    if _BUSINESS.fullmatch(text):
        notes = (_BUSINESS_PREFIX,) if len(text) == 12 and text.startswith("02") else ()
        return Code(text=text, form=CodeForm.BUSINESS, level1=None, groups=(text,), notes=notes)
    return Code(text=text, form=CodeForm.OTHER, level1=None, groups=(text,), notes=problems(text))


def problems(text: str) -> tuple[Note, ...]:
    """Everything that keeps a text from being a code of a written form, for a person; empty when it is one."""
    if not text:
        return (Note("code.empty", Text("Chưa có mã định danh.", "There is no code.")),)
    if len(text) <= MAX_LENGTH and any(p.fullmatch(text) for p in (_QD20, _QCVN2016, _SCHEME, _BUSINESS)):
        return ()
    found = _character_problems(text) + _group_problems(text)
    if len(text) > MAX_LENGTH:
        found.insert(0, _too_long(len(text)))
    if not found:
        found = _shape_problems(text)
    return tuple(found)


def counterpart(code: Code) -> Proposal | None:
    """The same body in the other of the two forms by turning the groups round: a proposal only (F3.8, G-04).

    None where the turn would lose something (a skipped level, a group that does not fit) or would read otherwise.
    """
    if code.form is CodeForm.QCVN2016:
        if code.notes:
            return None
        return _proposal(".".join(code.groups), back_to=code, form=CodeForm.QD20)
    if code.form is CodeForm.QD20:
        if len(code.groups) > 4:
            return None
        lower = code.groups[1:]
        absent = ("00", "00", "000")[len(lower) :]
        return _proposal(".".join(reversed((code.groups[0], *lower, *absent))), back_to=code, form=CodeForm.QCVN2016)
    return None


def fold(addressees: Sequence[Addressee], pairs: Sequence[tuple[str, str]] = ()) -> tuple[Body, ...]:
    """Who is really addressed: one body under two codes counts once (G-03b). Order of first appearance.

    Two entries are one body when their codes are equal, when `pairs` (aliases the catalogue or a person vouches for)
    connects them, or when one bears the axis's marker and its counterpart by reversal is listed too. Two unmarked
    entries that merely look like each other's reversal stay two: the rule proposes, it does not decide.
    """
    parent: dict[str, str] = {}
    for one, other in pairs:
        _join(parent, one, other)
    listed = {entry.code for entry in addressees}
    for entry in addressees:
        partner = _marked_partner(entry)
        if partner in listed:
            _join(parent, entry.code, partner)
    together: dict[str, list[int]] = {}
    for position, entry in enumerate(addressees):
        together.setdefault(_root(parent, entry.code), []).append(position)
    return tuple(_body(addressees, positions) for positions in together.values())


def _body(addressees: Sequence[Addressee], positions: list[int]) -> Body:
    entries = [addressees[position] for position in positions]
    unmarked = [entry for entry in entries if not _is_marked(entry)]
    code = (unmarked or entries)[0].code
    also = tuple(dict.fromkeys(entry.code for entry in entries if entry.code != code))
    return Body(code=code, also=also, positions=tuple(positions))


def _marked_partner(entry: Addressee) -> str:
    if not _is_marked(entry):
        return ""
    try:
        proposal = counterpart(parse(entry.code))
    except CodeRefused:
        return ""
    return proposal.code if proposal else ""


def _is_marked(entry: Addressee) -> bool:
    return (entry.marker or "").strip().upper() == OLD_FORM_MARKER


def _join(parent: dict[str, str], one: str, other: str) -> None:
    first, second = _root(parent, one), _root(parent, other)
    if first != second:
        parent[second] = first


def _root(parent: dict[str, str], code: str) -> str:
    while (above := parent.get(code, code)) != code:
        parent[code] = code = parent.get(above, above)
    return code


def _parse_2016(text: str) -> Code:
    groups = text.split(".")[::-1]
    while _is_zero(groups[-1]):
        groups.pop()
    skipped = [level for level, group in enumerate(groups, start=1) if level > 1 and _is_zero(group)]
    notes = tuple(_gap(len(groups), level) for level in skipped)
    return Code(text=text, form=CodeForm.QCVN2016, level1=groups[0], groups=tuple(groups), notes=notes)


def _is_zero(group: str) -> bool:
    return not group.strip("0")


def _proposal(text: str, *, back_to: Code, form: CodeForm) -> Proposal | None:
    try:
        turned = parse(text)
    except CodeRefused:
        return None
    if turned.form is not form or turned.notes or turned.groups != back_to.groups:
        return None
    return Proposal(code=text, basis="reversal")


def _character_problems(text: str) -> list[Note]:
    found: list[Note] = []
    if any(character.isspace() for character in text):
        found.append(
            Note("code.space", Text("Mã có khoảng trắng; hãy bỏ đi.", "The code holds white space; remove it."))
        )
    if re.search(r"[a-z]", text):
        found.append(
            Note("code.lower_case", Text("Mã có chữ thường; chỉ dùng chữ in hoa A–Z.", "Lower case; only A–Z is used."))
        )
    strange = list(dict.fromkeys(c for c in text if not re.fullmatch(r"[A-Za-z0-9.\s]", c)))[:5]
    if strange:
        shown = " ".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in strange)
        found.append(
            Note(
                "code.character",
                Text(
                    f"Mã có ký tự không được dùng: {shown} (chỉ dùng A–Z, 0–9 và dấu chấm).",
                    f"Characters not allowed: {shown} (only A–Z, 0–9 and the dot).",
                ),
            )
        )
    return found


def _group_problems(text: str) -> list[Note]:
    groups = text.split(".")
    if "" not in groups:
        return []
    found: list[Note] = []
    if groups[0] == "":
        found.append(Note("code.leading_dot", Text("Mã bắt đầu bằng dấu chấm.", "The code begins with a dot.")))
    if groups[-1] == "" and len(groups) > 1:
        found.append(Note("code.trailing_dot", Text("Mã kết thúc bằng dấu chấm.", "The code ends with a dot.")))
    empty = [str(place) for place, group in enumerate(groups[1:-1], start=2) if not group][:5]
    if empty:
        places = ", ".join(empty)
        found.append(
            Note("code.empty_group", Text(f"Nhóm thứ {places} để trống (hai dấu chấm liền).", f"Empty group {places}."))
        )
    return found


def _shape_problems(text: str) -> list[Note]:
    if text.startswith("Z00"):
        return [
            Note(
                "code.scheme_zero",
                Text(
                    "Không có lược đồ Z00; lược đồ đánh số từ Z01 đến Z99.", "There is no scheme Z00, only Z01 to Z99."
                ),
            )
        ]
    if re.match(r"Z[0-9]{2}\.", text):
        return [
            Note(
                "code.scheme_separator",
                Text(
                    "Sau mã lược đồ Zxy không có dấu phân tách.",
                    "Nothing separates a scheme code Zxy from what follows it.",
                ),
            )
        ]
    if re.fullmatch(r"[0-9]+", text):
        return [
            Note(
                "code.business_length",
                Text(
                    f"Mã số doanh nghiệp có 10–13 chữ số; ở đây có {len(text)}.",
                    f"A business number has 10 to 13 digits; this one has {len(text)}.",
                ),
            )
        ]
    groups = text.split(".")
    if len(groups) > 1 and _LEVEL_1.fullmatch(groups[-1]):
        return [_shape_2016(groups)]
    return [
        Note(
            "code.level1",
            Text(
                f"Nhóm đầu “{groups[0]}” không phải mã cấp 1 (một chữ A–Y và hai chữ số, ví dụ H37), "
                "và mã cũng không theo mẫu 13 ký tự 000.00.00.H37.",
                f'The first group "{groups[0]}" is no level-1 code (a letter A–Y and two digits, such as H37), '
                "and the code does not have the 13 characters of 000.00.00.H37 either.",
            ),
        )
    ]


def _shape_2016(groups: list[str]) -> Note:
    if len(groups) != len(_LENGTHS_2016):
        return Note(
            "code.group_count",
            Text(
                f"Mã theo mẫu 2016 có 4 nhóm, 13 ký tự (000.00.00.H37); ở đây có {len(groups)} nhóm.",
                f"A code of the 2016 form has 4 groups, 13 characters (000.00.00.H37); this one has {len(groups)}.",
            ),
        )
    wrong = [
        (place, len(group), length)
        for place, (group, length) in enumerate(zip(groups, _LENGTHS_2016, strict=True), start=1)
        if len(group) != length
    ]
    return Note(
        "code.group_length",
        Text(
            "Mã theo mẫu 2016 có đúng 13 ký tự: "
            + "; ".join(f"nhóm {place} có {has} ký tự, phải là {must}" for place, has, must in wrong)
            + ".",
            "A code of the 2016 form has exactly 13 characters: "
            + "; ".join(f"group {place} has {has} instead of {must}" for place, has, must in wrong)
            + ".",
        ),
    )


def _too_long(length: int) -> Note:
    return Note(
        "code.too_long",
        Text(
            f"Mã dài {length} ký tự; tối đa {MAX_LENGTH}.",
            f"The code has {length} characters; at most {MAX_LENGTH} are allowed.",
        ),
    )


def _gap(lowest: int, skipped: int) -> Note:
    return Note(
        "code.gap",
        Text(
            f"Mã có cấp {lowest} nhưng cấp {skipped} là số không; hãy kiểm tra lại với danh mục.",
            f"Level {lowest} is set while level {skipped} is zero; check it against the catalogue.",
        ),
    )


_AMBIGUOUS = Note(
    "code.both_forms",
    Text(
        "Mã đọc được theo cả hai mẫu; ở đây hiểu theo mẫu 2020 (cấp 1 ở đầu).",
        "The code fits both forms; it is read as the form of 2020 (level 1 first).",
    ),
)
_SCHEME_ALONE = Note(
    "code.scheme_alone",
    Text("Mã chỉ nêu lược đồ, chưa nêu tổ chức nào.", "The code names a scheme and no body in it."),
)
_BUSINESS_PREFIX = Note(
    "code.business_prefix",
    Text(
        "Có thể là “02” đặt trước mã số doanh nghiệp 10 chữ số; dùng nguyên như vậy.",
        'Possibly "02" before a business number of 10 digits; used as it stands.',
    ),
)
