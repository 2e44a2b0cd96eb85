"""The vendor's Java SDK keeps its settings in a properties file: what of it we take over (axis API, appendix B). Pure."""

import re
from dataclasses import dataclass, field

from gateway.problems import Kind, Problem, Text

MAX_CHARACTERS = 100_000
MAX_CONNECTIONS = range(1, 11)

_ENTRY = re.compile(r"((?:\\.|[^\\:=\s])*)\s*[:=]?\s*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkProperties:
    """What the file says; None where it says nothing. `max_connections` only when it is one that we can use."""

    endpoint: str | None
    system_id: str | None
    secret: str | None = field(repr=False)
    max_connections: int | None


def read_sdk_properties(text: str) -> SdkProperties:
    """The settings in the text of the file. Raises Problem `sdk.file` when it is no such file; quotes nothing of it."""
    if len(text) > MAX_CHARACTERS or "\0" in text:
        raise _refused()
    entries = dict(_entry(line) for line in _logical_lines(text))
    found = SdkProperties(
        endpoint=entries.get("service.endpoint") or None,
        system_id=entries.get("systemid") or None,
        secret=entries.get("secret") or None,
        max_connections=_max_connections(entries.get("client.max-connection", "")),
    )
    if found.endpoint is None and found.system_id is None and found.secret is None:
        raise _refused()
    return found


def _logical_lines(text: str) -> list[str]:
    """Lines with their continuations joined, without comments and blank ones."""
    lines: list[str] = []
    open_line = ""
    for line in text.removeprefix("\ufeff").splitlines():
        start = line.lstrip(" \t\f")
        if not open_line and (not start or start[0] in "#!"):
            continue
        open_line += start
        if (len(start) - len(start.rstrip("\\"))) % 2:
            open_line = open_line[:-1]
            continue
        lines.append(open_line)
        open_line = ""
    return [*lines, open_line] if open_line else lines


def _entry(line: str) -> tuple[str, str]:
    found = _ENTRY.fullmatch(line)
    assert found is not None  # every part of the pattern may be empty, and the last takes anything
    return _plain(found[1]).lower(), _plain(found[2]).strip()


def _plain(text: str) -> str:
    return _ESCAPE.sub(
        lambda escape: chr(int(escape[1], 16)) if escape[1] else _ESCAPED.get(escape[2], escape[2]), text
    )


def _max_connections(text: str) -> int | None:
    count = int(text) if re.fullmatch("[0-9]{1,4}", text) else 0
    return count if count in MAX_CONNECTIONS else None


def _refused() -> Problem:
    return Problem(
        "sdk.file",
        Kind.INVALID,
        Text(
            "Tệp này không phải tệp cấu hình của bộ SDK Java (không thấy service.endpoint, systemid hay secret).",
            "This is not the Java SDK's settings file: it has no service.endpoint, systemid or secret.",
        ),
        Text(
            "Chỉ đúng tệp .properties mà phần mềm đang dùng SDK, hoặc khai báo bằng --endpoint và --system-id.",
            "Name the .properties file of the program that uses the SDK, or say --endpoint and --system-id.",
        ),
    )
