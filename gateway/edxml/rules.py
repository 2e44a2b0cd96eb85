"""The small steps that every pre-send check is made of: a value missing, not allowed, and the finding that says so."""

import re
from collections.abc import Callable, Iterator, Sequence

from gateway.edxml import layout
from gateway.edxml.fields import FIELDS, code_of
from gateway.edxml.findings import Finding, Severity
from gateway.problems import Text

Wanted = tuple[str | None, str, str]
"""A value, its path below a prefix, its pointer below a pointer."""


def required(
    wanted: Sequence[Wanted], prefix: str = "MessageHeader", pointer: str = "/message_header"
) -> Iterator[Finding]:
    """One finding for each value that is absent or blank."""
    for value, path, at in wanted:
        if not present(value):
            yield missing(f"{prefix}.{path}", pointer + at)


Rule = tuple[Callable[[str], bool], Text]
"""Whether a value is allowed, and the end of the sentence that says what is."""

FLAG: Rule = (lambda text: text in ("0", "1"), Text("phải là 0 hoặc 1", "must be 0 or 1"))
TRUTH: Rule = (lambda text: text in ("true", "false"), Text("phải là true hoặc false", "must be true or false"))
BUSSINESS_TYPE: Rule = (
    lambda text: text in ("0", "1", "2", "3"),
    Text(
        "phải là 0 (mới), 1 (thu hồi), 2 (cập nhật) hoặc 3 (thay thế)",
        "must be 0 (new), 1 (recall), 2 (update) or 3 (replacement)",
    ),
)
STATUS_CODE: Rule = (
    lambda text: re.fullmatch("[0-9]{2}", text) is not None,
    Text("phải gồm đúng hai chữ số", "must be exactly two digits"),
)


def allowed(value: str | None, rule: Rule, path: str, pointer: str) -> Iterator[Finding]:
    """A finding when a value is there and the rule does not allow it."""
    if value is None or not present(value) or rule[0](value.strip(layout.BLANKS)):
        return
    field = FIELDS[path]
    yield finding("M", path, pointer, Text(f"{capital(field.vi)} {rule[1].vi}.", f"The {field.en} {rule[1].en}."))


def present(value: str | None) -> bool:
    """Whether a value says anything."""
    return value is not None and value.strip(layout.BLANKS) != ""


def missing(path: str, pointer: str, severity: Severity = Severity.ERROR) -> Finding:
    """The finding that the field at a path is missing."""
    field = FIELDS[path]
    return finding("N", path, pointer, Text(f"Thiếu {field.vi}.", f"The {field.en} is missing."), severity)


def finding(kind: str, path: str, pointer: str, text: Text, severity: Severity = Severity.ERROR) -> Finding:
    """A finding of class `kind` about a path."""
    return Finding(code_of(kind, path), severity, text, pointer)


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]
