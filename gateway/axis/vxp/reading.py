"""What the axis's answers mean: the envelope and the rows, read as leniently as axis API 11.5 asks and no further."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.axis.port import Agency, Item, MessageType, SentRow, Transport
from gateway.axis.vxp import errors

MAX_DOC_ID = 64
MAX_TEXT = 4096
"""Characters of one field of a row."""
MAX_SHOWN = 200
"""Characters of the axis's own sentence that are kept."""


class Malformed(ValueError):
    """An answer that is JSON but not the protocol's. `reason`: `keys_missing`, `bad_envelope`, `bad_row`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The part that every answer has. `ok` only when `status` and `ErrorCode` both say so.

    `contradicts` when one of the two says success and the other does not: such an answer proves neither.
    `doc_id` and `count` are None where absent or null.
    """

    ok: bool
    contradicts: bool
    code: str
    text: str
    doc_id: str | None
    count: int | None
    has_data: bool


def envelope(members: Mapping[str, object]) -> Envelope:
    """Read the members beside a streamed `data`. Raises Malformed."""
    missing = [key for key in ("status", "ErrorCode", "ErrorDesc") if key not in members]
    if missing:
        raise Malformed("keys_missing", ", ".join(missing))
    status, text = members["status"], members["ErrorDesc"]
    if not isinstance(status, str) or status.strip().upper() not in ("OK", "FAIL"):
        raise Malformed("bad_envelope", "status")
    if text is not None and not isinstance(text, str):
        raise Malformed("bad_envelope", "ErrorDesc")
    said_ok = status.strip().upper() == "OK"
    code = _code(members["ErrorCode"])
    return Envelope(
        ok=said_ok and code == errors.OK,
        contradicts=said_ok != (code == errors.OK),
        code=code,
        text=shown(text or ""),
        doc_id=doc_id(members),
        count=_count(members.get("count")),
        has_data=members.get("data") is not None,
    )


def _code(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,32}", value.strip()):
        return value.strip()
    raise Malformed("bad_envelope", "ErrorCode")


def _count(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9:
        return value
    raise Malformed("bad_envelope", "count")


def doc_id(row: Mapping[str, object]) -> str | None:
    """The id in whatever case its key has; None when absent, null or empty. Raises Malformed when it cannot be used.

    It goes back to the axis as a header value, so it must be printable ASCII.
    """
    given = {value for key, value in row.items() if key.lower() == "docid" and _is_text(value)}
    if not given:
        return None
    if len(given) > 1:
        raise Malformed("bad_row", "two different docIds")
    return _usable_id(str(given.pop()))


def _is_text(value: object) -> bool:
    if value is None or value == "":
        return False
    if not isinstance(value, str):
        raise Malformed("bad_row", "docId is not text")
    return True


def _usable_id(value: str) -> str:
    if len(value) > MAX_DOC_ID or not re.fullmatch(r"[\x21-\x7e]+", value):
        raise Malformed("bad_row", "docId is too long or holds other than printable ASCII")
    return value


def item(row: Mapping[str, object], kind: MessageType) -> Item:
    """One row of the received list. `kind` is what was asked for, and stands where the row does not say."""
    identifier = doc_id(row)
    if identifier is None:
        raise Malformed("bad_row", "no docId")
    said = _text(row, "messageType")
    if said is not None and said.strip().lower() not in tuple(MessageType):
        raise Malformed("bad_row", "messageType")
    return Item(
        doc_id=identifier,
        message_type=MessageType(said.strip().lower()) if said is not None else kind,
        from_code=_text(row, "from"),
        to_code=_text(row, "to"),
        status=_transport(_text(row, "status")),
        created_time=_text(row, "created_time"),
        updated_time=_text(row, "updated_time"),
        status_desc=_text(row, "status_desc"),
    )


def _transport(word: str | None) -> Transport:
    known = (word or "").strip().lower()
    return Transport(known) if known in tuple(Transport) else Transport.UNKNOWN


def sent_row(row: Mapping[str, object]) -> SentRow:
    """One row of the sent list."""
    return SentRow(
        sender_doc_id=_identifier(row, "senderDocId"),
        receiver_doc_id=_identifier(row, "receiverDocId"),
        from_code=_text(row, "fromCode"),
        to_code=_text(row, "toCode"),
        title=_text(row, "title"),
        notation=_text(row, "notation"),
        sent_time=_text(row, "sentTime"),
        received_time=_text(row, "receivedTime"),
        send_status=_text(row, "sendStatus"),
        receive_status=_text(row, "receiveStatus"),
    )


def _identifier(row: Mapping[str, object], key: str) -> str | None:
    value = _text(row, key)
    return _usable_id(value) if value is not None else None


def agency(row: Mapping[str, object]) -> Agency:
    """One row of any of the three directory lists.

    A row without a code or name has an empty one, for the directory to set aside: one such row among 100 000 must not
    keep the whole directory out.
    """
    return Agency(
        code=_text(row, "code") or "",
        name=_text(row, "name") or "",
        id=_text(row, "id"),
        parent_id=_text(row, "pid"),
        mail=_text(row, "mail"),
        old_code=_text(row, "oldCode"),
        code_2016=_text(row, "code102"),
        version=_whole_number(row, "version"),
        center_code=_text(row, "centerCode"),
        deleted=_flag(row, "deleted") or False,
        is_agency=_flag(row, "isAgency"),
        modified=_text(row, "modifyDate"),
    )


def _text(row: Mapping[str, object], key: str) -> str | None:
    """A field's text; None for absent, null and empty. A number is taken as its digits."""
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Malformed("bad_row", key)
    if not value.isascii() and _HALF_CHARACTER.search(value):
        raise Malformed("bad_row", f"{key} holds half a character")
    return value


_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def _whole_number(row: Mapping[str, object], key: str) -> int | None:
    value = _text(row, key)
    if value is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise Malformed("bad_row", key)
    return int(value)


def _flag(row: Mapping[str, object], key: str) -> bool | None:
    value = row.get(key)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "1"):
        return True
    if word in ("false", "0"):
        return False
    raise Malformed("bad_row", key)


def shown(text: str) -> str:
    """The axis's sentence on one line, bounded, without control characters."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * MAX_SHOWN])
    return " ".join(line.split())[:MAX_SHOWN]


def excerpt(start: bytes, secret: str) -> str:
    """The first bytes of an answer that could not be read, fit for a log (axis API 11.4).

    Of JSON only what stands before `data` is shown, and of XML nothing, since titles and packets are there. Long runs
    without a space, which may be keys, hashes or base64, are masked, and so is the secret.
    """
    text = start[:500].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith(("[", "<?xml")) or "edXML" in text:
        return "(not shown: may hold document content)"
    if text.startswith("{"):
        text = text.split('"data"', 1)[0]
    text = _LONG_RUN.sub("…", text.replace(secret, "…"))
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(line.split())


_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
