"""Secrets, signatures and bodies as Standard Webhooks 1.0.0 has them. Pure."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from gateway.handover.model import Event
from gateway.problems import Kind, Problem, Text
from gateway.times import aware, shown

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret: 192 to 512 bits."""


def new_secret() -> str:
    """A fresh secret of 256 bits, as it is given to the receiver."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The bytes a secret stands for. Raises Problem `webhook.secret`, which never repeats it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if secret.startswith(PREFIX) and SHORTEST <= len(key) <= LONGEST:
        return key
    raise Problem(
        "webhook.secret",
        Kind.INVALID,
        Text("Khóa bí mật của webhook không đúng dạng.", "The webhook's secret is not of the right form."),
        Text(
            "Khóa có dạng whsec_ rồi base64 của 24 đến 64 byte; để trống tệp thì lệnh add tự tạo khóa.",
            "It is whsec_ and the base64 of 24 to 64 bytes; where the file does not exist, add makes one.",
        ),
        field="/secret_source",
    )


def headers(id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers of a call made at `at`: signed with each key, so that either end may change first."""
    stamp = str(int(aware(at).timestamp()))
    signed = b".".join((id.encode(), stamp.encode(), body))
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join("v1," + _mac(key, signed) for key in keys),
    }


def id_of(endpoint_id: str, event: Event) -> str:
    """The same for every call that tells this endpoint this event, whichever node makes it, and when.

    The number alone would not do: after a restore from backup it may be given to another event.
    """
    named = f"{event.seq}|{aware(event.at).isoformat()}|{event.kind}|{event.document_id}"
    return "msg_" + uuid.uuid5(uuid.UUID(endpoint_id), named).hex


def body_of(event: Event, href: Callable[[str], str]) -> bytes:
    """What is told of an event: its kind and time, and in `data` the entry of the feed. No document content."""
    return _json(
        {
            "type": event.kind,
            "timestamp": shown(event.at),
            "data": {
                "seq": event.seq,
                "at": shown(event.at),
                "kind": event.kind,
                "unit_code": event.unit_code,
                "document": event.document_id,
                "href": href(event.document_id) if event.document_id else None,
                "data": dict(event.data),
            },
        }
    )


def test_body(at: datetime) -> bytes:
    """The body of a test call; it speaks of nothing."""
    return _json({"type": "webhook.test", "timestamp": shown(at), "data": {}})


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _mac(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
