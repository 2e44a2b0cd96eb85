"""The sentences of the inspection's findings. All are warnings: a policy decides, the packet itself is readable."""

from gateway.edxml.findings import Finding, Severity
from gateway.edxml.wording import shown
from gateway.inspection.antivirus import Reason
from gateway.inspection.executables import Runs
from gateway.inspection.families import LABELS
from gateway.inspection.kinds import RealKind
from gateway.inspection.macros import Macros
from gateway.problems import Text


def mismatch(position: int, claim: str, kind: RealKind) -> Finding:
    """A.Type: the bytes are of another kind than the name says."""
    label = LABELS[kind.family]
    return _warning(
        "A.Type",
        position,
        f"có đuôi .{claim} nhưng dữ liệu thực là {label.vi} ({kind.mime})",
        f"is named .{claim} but its bytes are {label.en} ({kind.mime})",
    )


def undetermined(position: int) -> Finding:
    """A.NotDetermined: nobody knows what the bytes are."""
    return _warning(
        "A.NotDetermined",
        position,
        "chưa xác định được dữ liệu thực thuộc loại nào",
        "is of a kind that could not be determined",
    )


def macro_undetermined(position: int) -> Finding:
    """A.NotDetermined: a container that could not be looked into."""
    return _warning(
        "A.NotDetermined",
        position,
        "không xem được bên trong (hỏng, đặt mật khẩu hoặc quá lớn), nên không biết có macro hay không",
        "could not be looked into (damaged, under a password, or too large), so nobody knows whether it holds macros",
    )


def executable(position: int, runs: Runs) -> Finding:
    """A.Executable."""
    why = _RUNS[runs]
    return _warning("A.Executable", position, f"là tệp thực thi: {why.vi}", f"is executable: {why.en}")


def macro(position: int, found: Macros) -> Finding:
    """A.Macro."""
    name = _MACROS[found]
    return _warning("A.Macro", position, f"có chứa macro ({name})", f"carries macros ({name})")


def infected(position: int, name: str) -> Finding:
    """A.Infected."""
    quoted = shown(name, 80)
    return _warning("A.Infected", position, f"bị nhiễm mã độc {quoted}", f"is infected with {quoted}")


def not_scanned(position: int, reason: Reason) -> Finding:
    """A.NotScanned: an antivirus is configured and has not said anything about this file."""
    why = _NOT_SCANNED[reason]
    return _warning("A.NotScanned", position, f"chưa được quét mã độc: {why.vi}", f"was not scanned: {why.en}")


_RUNS = {
    Runs.WINDOWS: Text("chương trình Windows", "a Windows program"),
    Runs.ELF: Text("chương trình Linux", "a Linux program"),
    Runs.MACH_O: Text("chương trình macOS", "a macOS program"),
    Runs.JAVA: Text("chương trình Java hoặc Android", "a Java or Android program"),
    Runs.SCRIPT: Text("tập lệnh (script)", "a script"),
    Runs.SHORTCUT: Text("lối tắt Windows (shortcut)", "a Windows shortcut"),
    Runs.HELP: Text("tệp trợ giúp CHM", "a compiled help file"),
    Runs.INSTALLER: Text("bộ cài đặt", "an installer"),
    Runs.NAME: Text("đuôi tên tệp là loại chạy được", "its name ends like that of a program"),
    Runs.ARCHIVED: Text("tệp nén có chứa tệp chạy được", "an archive that holds an executable"),
}

_MACROS = {Macros.VBA: "VBA", Macros.EXCEL4: "Excel 4", Macros.BASIC: "Basic"}

_NOT_SCANNED = {
    Reason.OFF: Text("chưa cấu hình phần mềm quét", "no antivirus is configured"),
    Reason.UNREACHABLE: Text("không kết nối được phần mềm quét", "the antivirus could not be reached"),
    Reason.OVER_LIMIT: Text("tệp lớn hơn mức phần mềm quét nhận", "it is larger than the antivirus takes"),
    Reason.TIMEOUT: Text("phần mềm quét không trả lời kịp", "the antivirus did not answer in time"),
    Reason.ERROR: Text("phần mềm quét báo lỗi", "the antivirus reported an error"),
}


def _warning(code: str, position: int, vi: str, en: str) -> Finding:
    return Finding(
        code,
        Severity.WARNING,
        Text(f"Tệp đính kèm thứ {position} {vi}.", f"Attachment {position} {en}."),
        f"/attachments/{position - 1}",
    )
