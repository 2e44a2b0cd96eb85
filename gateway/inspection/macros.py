"""Whether an Office file carries macros. No sniffer sees them: a .docm called .docx looks like any .docx."""

from enum import StrEnum

from gateway.inspection.families import Family
from gateway.inspection.kinds import Seen


class Macros(StrEnum):
    """What was found."""

    VBA = "vba"
    EXCEL4 = "excel4"
    BASIC = "basic"
    NONE = "none"
    UNDETERMINED = "undetermined"


def macros(seen: Seen) -> Macros:
    """Macros of a file. UNDETERMINED for a container that is locked or could not be looked into; NONE for no Office file."""
    if seen.container_closed:
        return Macros.UNDETERMINED
    if seen.zip is not None:
        return _in_zip(seen)
    if seen.ole is not None:
        return _in_ole(seen)
    return Macros.NONE


_VBA_TYPE = "application/vnd.ms-office.vbaproject"
_BINARY_WORKBOOK = "application/vnd.ms-excel.sheet.binary.macroenabled.main"
"""Says macroEnabled by name whether or not there is a macro."""

_MACRO_SHEETS = frozenset({"application/vnd.ms-excel.macrosheet+xml", "application/vnd.ms-excel.intlmacrosheet+xml"})
_BASIC_LISTS = frozenset({"script-lc.xml", "script-lb.xml"})


def _in_zip(seen: Seen) -> Macros:
    assert seen.zip is not None
    names, types = seen.zip.names, seen.zip.content_types
    if any(name.rpartition("/")[2] == "vbaproject.bin" for name in names) or _VBA_TYPE in types:
        return Macros.VBA
    if types & _MACRO_SHEETS or any(name.startswith("xl/macrosheets/") for name in names):
        return Macros.EXCEL4
    if any("macroenabled" in one for one in types - {_BINARY_WORKBOOK}):
        return Macros.VBA
    if seen.zip.mimetype and any(_is_basic(name) for name in names):
        return Macros.BASIC
    return Macros.UNDETERMINED if seen.zip.locked else Macros.NONE


def _is_basic(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return folder == "scripts" or (folder == "basic" and rest.rpartition("/")[2] not in _BASIC_LISTS)


_VBA_STORAGES = frozenset({"_vba_project_cur", "_vba_project", "vba", "macros"})


def _in_ole(seen: Seen) -> Macros:
    assert seen.ole is not None
    if seen.ole.names & _VBA_STORAGES or seen.ole.vba_flag:
        return Macros.VBA
    if seen.ole.macro_sheet:
        return Macros.EXCEL4
    protected = seen.kind is not None and seen.kind.family is Family.PROTECTED
    return Macros.UNDETERMINED if protected else Macros.NONE
