"""The signed headers of the axis protocol: how they are made, read and checked (axis API 3). Pure.

A request is `POST {endpoint}/{operation}`; every parameter travels as a header `XroadVnpt-<name>`, and an HMAC-SHA256
over a JSON rendering of those headers proves who sent it. The order of the members is the sender's own: a verifier
takes the HMAC over the text as it came and then compares the members with the real headers by name, without case.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.times import VIETNAM, aware

PREFIX = "XroadVnpt-"
SIGN_HEADER = "XroadVnpt-sign-header"
SIGN_HEADER_KEY = "XroadVnpt-sign-header-key"
HASH_HEADER = "XroadVnpt-hash-header"
USER_AGENT = "JAVASDKAgent/1.0.0 XRoad/VPCP"
VERSION = "3.0.201608"
SERVICE_TYPE = "eDoc"
JSON_TYPE = "application/json"
PACKET_TYPE = "application/octet-stream"
CRLF = b"\r\n"

MAX_HEADERS = 200
"""Header lines looked at in one request; a client of the vendor's sends about 20."""
MAX_VALUE = 32 * 1024
"""Bytes of one header value. 200 recipients in `to` take about 7 KB, and the same again in the sign-header."""


class Operation(StrEnum):
    """The operations, by the last part of the address (axis API 5)."""

    RECEIVED = "getReceivedEdocList"
    FETCH = "getEdoc"
    DOWNLOAD = "downloadEdoc"
    UPDATE_STATUS = "updateStatus"
    SEND = "sendEdoc"
    SENT = "getSentEdocList"
    COUNT_EDOC = "countReceiveEdoc"
    COUNT_STATUS = "countReceiveStatus"
    AGENCIES = "getAgenciesList"
    AGENCIES_QD20 = "getAgenciesListQD20"
    UNITS = "getSynchronizeUnit"
    REGISTER = "registerAgency"
    DELETE = "deleteAgency"

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "GET" if self is Operation.DOWNLOAD else "POST"

    @property
    def content_type(self) -> str:
        """The Content-Type, which is signed too."""
        return PACKET_TYPE if self is Operation.SEND else JSON_TYPE


class Param(StrEnum):
    """Parameter names as the vendor's SDK spells them; a server looks them up without case."""

    SYSTEM_ID = "systemid"
    TIMESTAMP = "timestamp"
    CONTENT_TYPE = "Content-Type"
    SERVICE_TYPE = "servicetype"
    MESSAGE_TYPE = "messagetype"
    FROM_DATE = "fromDate"
    TO_DATE = "toDate"
    DOC_ID = "docId"
    FILE_PATH = "filePath"
    STATUS = "status"
    DESCRIPTION = "description"
    FROM = "from"
    TO = "to"
    HASH_FILE = "hash-file"
    LEVEL = "level"
    AGENCY_CODE = "AgencyCode"


class BadHeaderValue(ValueError):
    """A name or value that would not arrive as it was signed. The message names the parameter, never the value."""


def sign(system_id: str, secret: str, params: Mapping[str, str], content_type: str, now: datetime) -> dict[str, str]:
    """All headers of one request, in the order in which they go out (axis API 3.1).

    `params` are the operation's own, by name without prefix; `now` is aware. The secret is used as text, not decoded.
    Raises BadHeaderValue for what is not printable ASCII: such a value is signed as one text and received as another.
    """
    signed = {
        Param.SYSTEM_ID.value: system_id,
        **params,
        Param.TIMESTAMP.value: timestamp(now),
        Param.CONTENT_TYPE.value: content_type,
    }
    for name, value in signed.items():
        _check_header(name, value)
    sign_header = json.dumps(
        {PREFIX + name: value for name, value in signed.items()}, separators=(",", ":"), ensure_ascii=False
    )
    return {
        "Content-Type": content_type,
        **{PREFIX + name: value for name, value in signed.items()},
        SIGN_HEADER_KEY: ";".join(signed),
        SIGN_HEADER: sign_header,
        HASH_HEADER: mac(secret, sign_header.encode("ascii")),
        "User-Agent": USER_AGENT,
        "XroadVnpt-version": VERSION,
    }


def mac(secret: str, sign_header: bytes) -> str:
    """The hash-header: lower-case hex HMAC-SHA256 of the sign-header's bytes under the secret's UTF-8 bytes."""
    return hmac.new(secret.encode(), sign_header, hashlib.sha256).hexdigest()


def _check_header(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadHeaderValue(f"the parameter name {name[:40]!a} cannot be a header")
    if not value.isascii() or not value.isprintable():
        raise BadHeaderValue(f"the value of {name} is not printable ASCII")
    if value != value.strip():
        raise BadHeaderValue(f"the value of {name} begins or ends with a space, which HTTP drops")
    if len(value) > MAX_VALUE:
        raise BadHeaderValue(f"the value of {name} is longer than {MAX_VALUE} bytes")


_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")


class Reason(StrEnum):
    """Why a request's headers do not prove who sent it."""

    TOO_LARGE = "too_large"
    MISSING_HEADER = "missing_header"
    REPEATED_HEADER = "repeated_header"
    UNKNOWN_SYSTEM = "unknown_system"
    BAD_HASH = "bad_hash"
    NOT_JSON = "not_json"
    BAD_MEMBER = "bad_member"
    MEMBER_DIFFERS = "member_differs"
    MEMBER_WITHOUT_HEADER = "member_without_header"
    NOT_SIGNED = "not_signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The headers prove nothing. `name` is the header or member at fault, as received (bounded)."""

    reason: Reason
    name: str = ""
    system_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the headers prove. Whether the time is near enough, or seen before, is the caller's to judge.

    `names` are the signed parameters as spelled, in order, surplus ones too; `values` hold them by lower-case name;
    `key_agrees` says whether sign-header-key lists the same names; `timestamp` is None when its text is not in the
    protocol's form.
    """

    system_id: str
    timestamp_text: str
    timestamp: datetime | None
    names: tuple[str, ...]
    key_agrees: bool
    hash_header: str
    values: tuple[tuple[str, str], ...]

    def param(self, name: str) -> str | None:
        """A signed parameter's value by name without prefix and without case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.values if key == wanted), None)


def verify(headers: Iterable[tuple[bytes, bytes]], secret_for: Callable[[str], str | None]) -> Verified | Refusal:
    """Check a request's headers as they came off the wire (ASGI's `scope["headers"]`).

    The HMAC is taken over the sign-header's bytes as received, then each member must equal the header of its name.
    Headers that are not signed are never handed on; signed ones that the operation does not need are.
    """
    found = _collect(headers)
    if isinstance(found, Refusal):
        return found
    for name in (PREFIX + Param.SYSTEM_ID, SIGN_HEADER, SIGN_HEADER_KEY, HASH_HEADER):
        if name.lower() not in found:
            return Refusal(reason=Reason.MISSING_HEADER, name=name)

    system_id = _text(found[(PREFIX + Param.SYSTEM_ID).lower()])
    secret = secret_for(system_id)
    sign_header = found[SIGN_HEADER.lower()]
    expected = mac(secret if secret is not None else "", sign_header)
    hash_header = _text(found[HASH_HEADER.lower()])
    same = hmac.compare_digest(expected.encode(), hash_header.lower().encode())
    if secret is None:
        return Refusal(reason=Reason.UNKNOWN_SYSTEM, system_id=system_id)
    if not same:
        return Refusal(reason=Reason.BAD_HASH, name=HASH_HEADER, system_id=system_id)

    members = _members(sign_header, system_id)
    if isinstance(members, Refusal):
        return members
    for name, value in members:
        received = found.get((PREFIX + name).lower())
        if received is None:
            return Refusal(reason=Reason.MEMBER_WITHOUT_HEADER, name=name[:80], system_id=system_id)
        if received != value.strip().encode():
            return Refusal(reason=Reason.MEMBER_DIFFERS, name=name[:80], system_id=system_id)

    values = {name.lower(): value.strip() for name, value in members}
    for needed in (Param.SYSTEM_ID, Param.TIMESTAMP, Param.CONTENT_TYPE):
        if needed.lower() not in values:
            return Refusal(reason=Reason.NOT_SIGNED, name=needed, system_id=system_id)
    names = tuple(name for name, _ in members)
    listed = _text(found[SIGN_HEADER_KEY.lower()]).split(";")
    return Verified(
        system_id=system_id,
        timestamp_text=values[Param.TIMESTAMP],
        timestamp=parse_timestamp(values[Param.TIMESTAMP]),
        names=names,
        key_agrees=sorted(name.lower() for name in names) == sorted(name.strip().lower() for name in listed),
        hash_header=hash_header.lower(),
        values=tuple(values.items()),
    )


def _collect(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, bytes] | Refusal:
    found: dict[str, bytes] = {}
    for count, (raw_name, raw_value) in enumerate(headers):
        if count >= MAX_HEADERS:
            return Refusal(reason=Reason.TOO_LARGE)
        name = raw_name.decode("latin-1").lower()
        if not name.startswith(PREFIX.lower()):
            continue
        value = raw_value.strip(b" \t")
        if len(value) > MAX_VALUE or len(name) > len(PREFIX) + 64:
            return Refusal(reason=Reason.TOO_LARGE, name=name[:80])
        if found.setdefault(name, value) != value:
            return Refusal(reason=Reason.REPEATED_HEADER, name=name[:80])
    return found


def _members(sign_header: bytes, system_id: str) -> list[tuple[str, str]] | Refusal:
    """The members without their prefix, in order. A name that comes twice must come with one value."""
    try:
        pairs = json.loads(sign_header.decode("utf-8"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return Refusal(reason=Reason.NOT_JSON, name=SIGN_HEADER, system_id=system_id)
    if not isinstance(pairs, _Pairs):
        return Refusal(reason=Reason.NOT_JSON, name=SIGN_HEADER, system_id=system_id)
    members: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for name, value in pairs:
        named = name.lower().startswith(PREFIX.lower()) and _NAME.fullmatch(name[len(PREFIX) :])
        # A lone surrogate written as an escape has no bytes to compare with.
        if not named or not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
            return Refusal(reason=Reason.BAD_MEMBER, name=ascii(name)[:80], system_id=system_id)
        if seen.setdefault(name.lower(), value) != value:
            return Refusal(reason=Reason.MEMBER_DIFFERS, name=name[:80], system_id=system_id)
        members.append((name[len(PREFIX) :], value))
    return members


class _Pairs:
    """A JSON object as its pairs, so that a repeated name is not lost, and is told from an array."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Iterator[tuple[str, object]]:
        return iter(self._pairs)


def _text(value: bytes) -> str:
    """A header's text for showing and looking up: UTF-8 where it is, else byte for byte."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def timestamp(now: datetime) -> str:
    """`ddMMyyyyTHHmmss+SSSS` in Vietnam time. What follows `+` is milliseconds in four digits, not an offset."""
    local = aware(now).astimezone(VIETNAM)
    return (
        f"{local.day:02d}{local.month:02d}{local.year:04d}T{local.hour:02d}{local.minute:02d}{local.second:02d}"
        f"+{local.microsecond // 1000:04d}"
    )


def parse_timestamp(text: str) -> datetime | None:
    """The moment a timestamp means, in Vietnam time, or None when it is not in the protocol's form."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, milliseconds = (int(part) for part in match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=VIETNAM)
    except ValueError:
        return None
    return moment + timedelta(milliseconds=milliseconds) if milliseconds < 1000 else None


_TIMESTAMP = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4})T([0-9]{2})([0-9]{2})([0-9]{2})\+([0-9]{4})")


def date_filter(moment: datetime) -> str:
    """`fromDate`/`toDate`: `dd/MM/yyyy HH:mm:ss` in Vietnam time (axis API 5.1; that a server heeds it is unproven)."""
    return aware(moment).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")


def parse_date_filter(text: str) -> datetime | None:
    """The moment a date filter means, in Vietnam time, or None when it is not in the known form."""
    match = _DATE_FILTER.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second = (int(part) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=VIETNAM)
    except ValueError:
        return None


_DATE_FILTER = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")


def hash_file_as_sdk(sha256_hex: str) -> str:
    """`hash-file` as the vendor's SDK writes it: bytes in hex without leading zeros, often under 64 (axis API 3.3)."""
    return "".join(f"{byte:x}" for byte in bytes.fromhex(sha256_hex))


def hash_file_matches(value: str, sha256_of_body: str, sha256_of_body_less_crlf: str) -> bool:
    """Whether a `hash-file` fits the body, in either form, with or without the CRLF that the SDK appends.

    Both hashes are true hex SHA-256; give the same one twice when the body does not end in CRLF.
    """
    given = value.strip().lower()
    return any(
        hmac.compare_digest(given.encode(), form.encode())
        for sha256 in (sha256_of_body.lower(), sha256_of_body_less_crlf.lower())
        for form in (sha256, hash_file_as_sdk(sha256))
    )
