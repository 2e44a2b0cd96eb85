"""Where a connection's secret is read from. The database keeps the place, never the secret; `app` does the reading.

`file:/absolute/path`: the file's text without the line end after it. `env:NAME`: an environment variable.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_MAX_LENGTH = 500


@dataclass(frozen=True, slots=True)
class SecretFile:
    """The secret is the content of a file; `path` is absolute."""

    path: PurePosixPath


@dataclass(frozen=True, slots=True)
class SecretVariable:
    """The secret is the value of an environment variable."""

    name: str


SecretSource = SecretFile | SecretVariable


def secret_source(text: str) -> SecretSource:
    """The place a text names; raises ValueError, which never repeats the text: it may be a secret put in by mistake."""
    scheme, _, rest = text.partition(":")
    if scheme == "env" and _VARIABLE.fullmatch(rest):
        return SecretVariable(rest)
    if scheme == "file" and rest.startswith("/") and rest.isprintable() and len(text) <= _MAX_LENGTH:
        return SecretFile(PurePosixPath(rest))
    raise ValueError("a secret's place is written file:/absolute/path or env:NAME")
