"""One entry of the evidence log, and how entries hang together. Pure.

digest = SHA-256 of (number in decimal, LF, body); hash = SHA-256 of (hash before, digest), both as 32 bytes. The first
entry follows GENESIS. So a chain can be followed through entries of which only the digest is known.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.times import aware

GENESIS = "0" * 64
"""What the first entry follows."""

_LONGEST_VALUE = 500
_MOST_VALUES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry with its place. `body` is its canonical JSON; `hash` and `previous` are lower-case hex.

    `document_id` and `subject` are those by which its row is found; they have to be those of the body.
    """

    seq: int
    body: str
    previous: str
    hash: str
    document_id: str | None = None
    subject: str | None = None


def body_of(
    *,
    at: datetime,
    kind: str,
    unit_code: str | None,
    document_id: str | None,
    subject: str | None,
    data: Mapping[str, str],
) -> str:
    """The canonical JSON (RFC 8785; all values text) of what happened: ids, codes and hashes, never content.

    `at` to the microsecond in UTC. Raises ValueError for more values than any announcement has.
    """
    if len(data) > _MOST_VALUES:
        raise ValueError("an entry of the evidence log has too many values")
    said: dict[str, object] = {
        "at": aware(at).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z",
        "data": {name: value[:_LONGEST_VALUE] for name, value in data.items()},
        "document": document_id,
        "kind": kind,
        "subject": subject,
        "unit": unit_code,
    }
    kept = {name: value for name, value in said.items() if value not in (None, {})}
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8", "replace").decode()


def digest(seq: int, body: str) -> str:
    """What an entry's hash is made from besides the hash before it."""
    return hashlib.sha256(b"%d\n" % seq + body.encode("utf-8", "replace")).hexdigest()


def linked(previous: str, entry_digest: str) -> str:
    """The hash of an entry. Raises ValueError for what is no hex."""
    return hashlib.sha256(bytes.fromhex(previous) + bytes.fromhex(entry_digest)).hexdigest()


def link(seq: int, body: str, previous: str) -> Link:
    """An entry put behind another."""
    return Link(seq=seq, body=body, previous=previous, hash=linked(previous, digest(seq, body)))
