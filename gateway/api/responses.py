"""What the routes say in `openapi.yaml` about refusals, and how file answers are headed."""

import base64
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from gateway.api.problem import MEDIA_TYPE, ProblemBody

_MEANING = {
    400: "The request is malformed.",
    401: "There is no key, or it is wrong or revoked.",
    404: "There is none, or it belongs to a unit that is not this key's.",
    408: "The body came too slowly; nothing was kept.",
    409: "It contradicts what is there already.",
    413: "It is over a limit.",
    415: "The media type is not supported.",
    422: "Fields are wrong; `errors` names each with a pointer.",
    429: "Too much at once; see Retry-After.",
    503: "Database, disk or queue cannot take it now; see Retry-After.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation, for FastAPI's `responses`."""
    told: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        told[status] = {
            "description": _MEANING.get(status, HTTPStatus(status).phrase),
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}}},
        }
    return told


def file_headers(safe_name: str, *, size: int, sha256: str) -> dict[str, str]:
    """Headers of a download: saved under its name (RFC 6266, RFC 8187), never run or guessed at by a browser."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in safe_name
    )
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe_name, safe='')}",
        "Content-Length": str(size),
        "Repr-Digest": f"sha-256=:{_base64_of(sha256)}:",
        "ETag": f'"{sha256}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }


def _base64_of(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
