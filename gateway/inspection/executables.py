"""Whether a file runs when it is opened: by its bytes, by its name (scripts have no mark), by names in an archive."""

from enum import StrEnum

from gateway.edxml.names import safe_name
from gateway.edxml.packing import extension_of
from gateway.inspection.families import Family
from gateway.inspection.kinds import Seen


class Runs(StrEnum):
    """Why a file counts as executable."""

    WINDOWS = "windows"
    ELF = "elf"
    MACH_O = "mach_o"
    JAVA = "java"
    SCRIPT = "script"
    SHORTCUT = "shortcut"
    HELP = "help"
    INSTALLER = "installer"
    NAME = "name"
    ARCHIVED = "archived"


EXTENSIONS = frozenset(
    {
        *("exe", "com", "scr", "pif", "cpl", "dll", "sys", "ocx", "drv", "xll", "msi", "msp", "mst", "msix", "appx"),
        *("bat", "cmd", "ps1", "ps1xml", "psm1", "psd1", "vbs", "vbe", "js", "jse", "mjs", "ws", "wsf", "wsc", "wsh"),
        *("hta", "chm", "hlp", "gadget", "msc", "lnk", "url", "scf", "inf", "reg", "application", "appref-ms"),
        *("settingcontent-ms", "library-ms", "ade", "adp", "iqy", "slk", "jar", "jnlp", "class", "apk", "dex"),
        *("app", "command", "dmg", "pkg", "deb", "rpm", "run", "sh", "bash", "py", "pyw", "pl"),
    }
)
"""Extensions that a desktop system runs, or that carry commands."""


def runs(attachment_name: str, seen: Seen) -> Runs | None:
    """Why the file would run, by the surest reason; None when nothing says so."""
    if reason := _by_bytes(seen.head):
        return reason
    if seen.kind is not None and seen.kind.family in _BY_FAMILY:
        return _BY_FAMILY[seen.kind.family]
    if seen.zip is not None and ("meta-inf/manifest.mf" in seen.zip.names or "classes.dex" in seen.zip.names):
        return Runs.JAVA
    if _runs_by_name(attachment_name):
        return Runs.NAME
    is_archive = seen.kind is not None and seen.kind.family is Family.ZIP
    if seen.zip is not None and is_archive and any(_runs_by_name(name) for name in seen.zip.names):
        return Runs.ARCHIVED
    return None


_BY_FAMILY = {Family.PROGRAM: Runs.WINDOWS, Family.INSTALLER: Runs.INSTALLER, Family.JAVA: Runs.JAVA}

_STARTS = (
    (b"\x7fELF", Runs.ELF),
    (b"\xfe\xed\xfa\xce", Runs.MACH_O),
    (b"\xfe\xed\xfa\xcf", Runs.MACH_O),
    (b"\xce\xfa\xed\xfe", Runs.MACH_O),
    (b"\xcf\xfa\xed\xfe", Runs.MACH_O),
    (b"\xca\xfe\xba\xbe", Runs.JAVA),
    (b"dex\n0", Runs.JAVA),
    (bytes.fromhex("4c0000000114020000000000c000000000000046"), Runs.SHORTCUT),
    (b"ITSF\x03", Runs.HELP),
)


def _by_bytes(head: bytes) -> Runs | None:
    # A text may begin with the letters MZ; a program's header holds zeros.
    if head.startswith((b"MZ", b"ZM")) and b"\0" in head[:64]:
        return Runs.WINDOWS
    if head.removeprefix(b"\xef\xbb\xbf")[:40].startswith(b"#!") and b"/" in head[:40]:
        return Runs.SCRIPT
    return next((reason for start, reason in _STARTS if head.startswith(start)), None)


def _runs_by_name(name: str) -> bool:
    """By the name as it would stand on a disk: without blanks, dots and invisible characters at its end."""
    return bool({extension_of(name), extension_of(safe_name(name))} & EXTENSIONS)
