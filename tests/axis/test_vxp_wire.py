"""The signed headers: what the vendor's SDK produced is reproduced and accepted, and nothing else is."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.axis.vxp import wire
from gateway.axis.vxp.wire import BadHeaderValue, Reason, Refusal, Verified
from gateway.times import VIETNAM

SECRET = "c2VjcmV0LWZvci10ZXN0cw=="
SYSTEM = "00.99.X99"
DOC_ID = "11111111-2222-3333-4444-555555555555"
HASH_FILE = "6541804f613c841df8ffbc2c6d2a77fa7240cd39f41bf45b43ccad4934465f8"
NOW = datetime(2026, 11, 22, 10, 47, 51, 416_000, tzinfo=UTC)

# What the vendor's SDK signed, member by member in its order, and the HMAC it sent.
GOLDEN = {
    "received": (
        [
            ("systemid", SYSTEM),
            ("servicetype", "eDoc"),
            ("messagetype", "edoc"),
            ("timestamp", "22112026T174751+0391"),
            ("Content-Type", "application/json"),
        ],
        "672a9844c5a32b1a5f1a83904448d80d954f276fdc04b7b612142d951bad5bce",
    ),
    "received with dates, in another order": (
        [
            ("fromDate", "01/02/2026 00:00:00"),
            ("systemid", SYSTEM),
            ("servicetype", "eDoc"),
            ("messagetype", "edoc"),
            ("toDate", "08/02/2026 00:00:00"),
            ("timestamp", "22112026T175932+0601"),
            ("Content-Type", "application/json"),
        ],
        "bed9d221c53d5c699febd9d7ba1b61cd161ff0459fe3ee1b1a68123522437b61",
    ),
    "send": (
        [
            ("systemid", SYSTEM),
            ("servicetype", "eDoc"),
            ("messagetype", "edoc"),
            ("hash-file", HASH_FILE),
            ("from", "000.00.00.X99"),
            ("timestamp", "22112026T174751+0416"),
            ("Content-Type", "application/octet-stream"),
        ],
        "bad02b570de83205dd0410cfb9a5cd80a5bad04c445f498478735a0618f81431",
    ),
    "send with to": (
        [
            ("systemid", SYSTEM),
            ("servicetype", "eDoc"),
            ("messagetype", "edoc"),
            ("hash-file", HASH_FILE),
            ("from", "000.00.00.X99"),
            ("to", '["000.00.00.X98","000.00.00.X97"]'),
            ("timestamp", "22112026T174751+0433"),
            ("Content-Type", "application/octet-stream"),
        ],
        "3514412f82674d2c24028c0aef1f69352bb2d5b85b9bae37a6a7347cde06ed4d",
    ),
    "send a status": (
        [
            ("systemid", SYSTEM),
            ("servicetype", "eDoc"),
            ("messagetype", "status"),
            ("hash-file", HASH_FILE),
            ("from", "000.00.00.X99"),
            ("timestamp", "22112026T175932+0608"),
            ("Content-Type", "application/octet-stream"),
        ],
        "4476f583daef78369e7f600a194e303766be9c6f8e528f23381ff998565927d7",
    ),
    "fetch, with the SDK's filePath": (
        [
            ("systemid", SYSTEM),
            ("docId", DOC_ID),
            ("filePath", "/var/lib/edoc"),
            ("timestamp", "22112026T174751+0449"),
            ("Content-Type", "application/json"),
        ],
        "28aa6bb3f917cdb6b08e42f53d1911dcb1138581a06057005985ff596fe2b610",
    ),
    "update status": (
        [
            ("systemid", SYSTEM),
            ("docId", DOC_ID),
            ("timestamp", "22112026T174751+0458"),
            ("Content-Type", "application/json"),
            ("status", "done"),
        ],
        "e111c927642e8ebf510ad8912133f8871866836f6833064be19b1d6d63a5248d",
    ),
}


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI gives them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def signed(members: list[tuple[str, str]], *, secret: str = SECRET, text: str | None = None) -> dict[str, str]:
    """A request of another's client: any members in any order, signed over `text` or their usual rendering."""
    named = {f"XroadVnpt-{name}": value for name, value in members}
    text = text if text is not None else json.dumps(named, separators=(",", ":"), ensure_ascii=False)
    return named | {
        "XroadVnpt-sign-header-key": ";".join(name for name, _ in members),
        "XroadVnpt-sign-header": text,
        "XroadVnpt-hash-header": wire.mac(secret, text.encode()),
    }


def verify(headers: dict[str, str]) -> Verified | Refusal:
    return wire.verify(raw(headers), {SYSTEM: SECRET}.get)


USUAL = [("systemid", SYSTEM), ("timestamp", "22112026T174751+0391"), ("Content-Type", "application/json")]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_vendors_own_signature_is_reproduced(name: str) -> None:
    members, expected = GOLDEN[name]
    assert signed(members)["XroadVnpt-hash-header"] == expected


@pytest.mark.parametrize("name", GOLDEN)
def test_the_vendors_own_requests_are_accepted(name: str) -> None:
    members, _ = GOLDEN[name]
    result = verify(signed(members))
    assert isinstance(result, Verified)
    assert result.names == tuple(name for name, _ in members)


def test_our_send_is_signed_as_the_vendors_send() -> None:
    members, expected = GOLDEN["send"]
    own = {name: value for name, value in members if name not in ("systemid", "timestamp", "Content-Type")}
    headers = wire.sign(SYSTEM, SECRET, own, "application/octet-stream", NOW)
    assert headers["XroadVnpt-hash-header"] == expected
    assert (
        headers["XroadVnpt-sign-header-key"] == "systemid;servicetype;messagetype;hash-file;from;timestamp;Content-Type"
    )


header_value = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)).map(str.strip)
own_params = st.dictionaries(
    st.text("abcdefghijklmnopqrstuvwxyzABCDEFGH-", min_size=1, max_size=20).filter(
        lambda name: (
            name.lower() not in ("systemid", "timestamp", "content-type", "sign-header", "hash-header", "version")
            and name.lower() != "sign-header-key"
        )
    ),
    header_value,
    max_size=6,
).filter(lambda params: len({name.lower() for name in params}) == len(params))


@given(own_params, header_value.filter(bool), st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_what_we_sign_is_verified(params: dict[str, str], system_id: str, secret: str) -> None:
    headers = wire.sign(system_id, secret, params, "application/json", NOW)
    result = wire.verify(raw(headers), {system_id: secret}.get)
    assert isinstance(result, Verified)
    assert {name: result.param(name) for name in params} == params
    assert result.timestamp == NOW
    assert result.key_agrees


@given(st.data())
def test_changing_any_signed_header_is_noticed(data: st.DataObject) -> None:
    headers = wire.sign(SYSTEM, SECRET, {"docId": DOC_ID, "status": "done"}, "application/json", NOW)
    names = sorted(name for name in headers if name.startswith("XroadVnpt-") and name not in (
        "XroadVnpt-version", "XroadVnpt-sign-header-key",
    ))  # fmt: skip
    name = data.draw(st.sampled_from(names))
    value = data.draw(header_value.filter(lambda value: value.lower() != headers[name].lower()))
    assert isinstance(verify(headers | {name: value}), Refusal)


@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=200)), max_size=12), st.binary(max_size=200))
def test_no_headers_whatever_make_verify_raise(headers: list[tuple[bytes, bytes]], text: bytes) -> None:
    base = [
        (b"xroadvnpt-systemid", SYSTEM.encode()),
        (b"xroadvnpt-sign-header-key", b"systemid"),
        (b"xroadvnpt-sign-header", text),
        (b"xroadvnpt-hash-header", wire.mac(SECRET, text.strip(b" \t")).encode()),
    ]
    assert isinstance(wire.verify(base + headers, {SYSTEM: SECRET}.get), Refusal)


def test_members_meet_their_headers_without_case() -> None:
    headers = signed([*USUAL, ("docid", DOC_ID)])
    result = verify(headers)
    assert isinstance(result, Verified)
    assert result.param("docId") == DOC_ID


def test_surplus_signed_headers_of_an_earlier_call_do_no_harm() -> None:
    result = verify(signed([*USUAL, ("hash-file", HASH_FILE), ("from", "000.00.00.X99"), ("docId", DOC_ID)]))
    assert isinstance(result, Verified)


def test_a_header_that_was_not_signed_is_not_handed_on() -> None:
    result = verify(signed(USUAL) | {"XroadVnpt-docId": DOC_ID})
    assert isinstance(result, Verified)
    assert result.param("docId") is None


def test_the_order_of_the_members_is_the_senders() -> None:
    assert isinstance(verify(signed(USUAL[::-1])), Verified)


def test_utf8_values_that_arrive_as_signed_are_accepted() -> None:
    assert isinstance(verify(signed([("note", "Đ"), *USUAL])), Verified)


def test_a_sign_header_key_that_lists_other_names_is_told() -> None:
    result = verify(signed(USUAL) | {"XroadVnpt-sign-header-key": "systemid;docId"})
    assert isinstance(result, Verified)
    assert not result.key_agrees


def test_a_value_that_java_cut_to_low_bytes_is_refused() -> None:
    headers = [
        (name, b"L\xd7i" if name == b"xroadvnpt-description" else value)
        for name, value in raw(signed([*USUAL, ("description", "Lỗi")]))
    ]
    assert wire.verify(headers, {SYSTEM: SECRET}.get) == Refusal(
        reason=Reason.MEMBER_DIFFERS, name="description", system_id=SYSTEM
    )


def long_value() -> dict[str, str]:
    return signed([*USUAL, ("to", "x" * (wire.MAX_VALUE + 1))])


REFUSED = {
    "no hash": ({k: v for k, v in signed(USUAL).items() if "hash" not in k}, Reason.MISSING_HEADER),
    "no sign-header-key": ({k: v for k, v in signed(USUAL).items() if "key" not in k}, Reason.MISSING_HEADER),
    "another system": (signed([("systemid", "00.98.X98"), *USUAL[1:]]), Reason.UNKNOWN_SYSTEM),
    "another secret": (signed(USUAL, secret="another"), Reason.BAD_HASH),
    "an array": (signed(USUAL, text='["XroadVnpt-systemid"]'), Reason.NOT_JSON),
    "not JSON": (signed(USUAL, text="{"), Reason.NOT_JSON),
    "deep": (signed(USUAL, text="[" * 20_000), Reason.NOT_JSON),
    "a number": (signed(USUAL, text='{"XroadVnpt-level":1}'), Reason.BAD_MEMBER),
    "half a character": (signed(USUAL, text='{"XroadVnpt-level":"\\ud800"}'), Reason.BAD_MEMBER),
    "a name without prefix": (signed(USUAL, text='{"systemid":"00.99.X99"}'), Reason.BAD_MEMBER),
    "one name, two values": (
        signed(USUAL, text='{"XroadVnpt-systemid":"00.99.X99","XroadVnpt-SYSTEMID":"00.98.X98"}'),
        Reason.MEMBER_DIFFERS,
    ),
    "a member without header": (signed(USUAL, text='{"XroadVnpt-docId":"1"}'), Reason.MEMBER_WITHOUT_HEADER),
    "nothing signed": (signed(USUAL, text="{}"), Reason.NOT_SIGNED),
    "no timestamp signed": (signed([USUAL[0], USUAL[2]]), Reason.NOT_SIGNED),
    "a huge value": (long_value(), Reason.TOO_LARGE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_headers_that_prove_nothing_are_refused_with_the_reason(name: str) -> None:
    headers, reason = REFUSED[name]
    result = verify(headers)
    assert isinstance(result, Refusal)
    assert result.reason is reason


def test_one_header_twice_with_two_values_is_refused() -> None:
    headers = [*raw(signed(USUAL)), (b"XroadVnpt-SystemId", b"00.98.X98")]
    assert wire.verify(headers, {SYSTEM: SECRET}.get) == Refusal(
        reason=Reason.REPEATED_HEADER, name="xroadvnpt-systemid"
    )


def test_too_many_headers_are_refused() -> None:
    headers = [(b"x", b"y")] * wire.MAX_HEADERS + raw(signed(USUAL))
    assert wire.verify(headers, {SYSTEM: SECRET}.get) == Refusal(reason=Reason.TOO_LARGE)


@pytest.mark.parametrize("value", ["Lỗi", "a\r\nX: y", "a\0", " edge", "edge ", "x" * (wire.MAX_VALUE + 1)])
def test_a_value_that_would_not_arrive_as_signed_is_not_signed(value: str) -> None:
    with pytest.raises(BadHeaderValue):
        wire.sign(SYSTEM, SECRET, {"description": value}, "application/json", NOW)


def test_a_bad_value_is_not_shown_in_the_error() -> None:
    with pytest.raises(BadHeaderValue, match="description") as caught:
        wire.sign(SYSTEM, SECRET, {"description": "bí mật"}, "application/json", NOW)
    assert "bí mật" not in str(caught.value)


def test_a_timestamp_is_vietnam_time_with_milliseconds() -> None:
    assert wire.timestamp(NOW) == "22112026T174751+0416"


# Hypothesis wants its bounds without a zone.
EARLIEST, LATEST = datetime(1980, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001


@given(st.datetimes(min_value=EARLIEST, max_value=LATEST, timezones=st.just(UTC)))
def test_a_timestamp_is_read_back_to_the_millisecond(moment: datetime) -> None:
    read = wire.parse_timestamp(wire.timestamp(moment))
    assert read is not None
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{8}T[0-9]{6}\+[0-9]{4}", fullmatch=True))
def test_any_timestamp_is_read_or_refused(text: str) -> None:
    read = wire.parse_timestamp(text)
    assert read is None or wire.timestamp(read) == text


def test_a_time_without_zone_is_not_signed() -> None:
    with pytest.raises(ValueError):
        wire.timestamp(datetime(2026, 1, 1))  # noqa: DTZ001 - the refused case


def test_date_filters_are_vietnam_time_both_ways() -> None:
    text = wire.date_filter(datetime(2026, 1, 31, 17, 0, tzinfo=UTC))
    assert text == "01/02/2026 00:00:00"
    assert wire.parse_date_filter(text) == datetime(2026, 2, 1, tzinfo=VIETNAM)


@pytest.mark.parametrize("text", ["", "2026-02-01", "31/02/2026 00:00:00", "01/02/2026 25:00:00"])
def test_other_date_filters_are_not_guessed(text: str) -> None:
    assert wire.parse_date_filter(text) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"abc", "ba7816bf8f1cfea414140de5dae2223b0361a396177a9cb410ff61f2015ad"),
        (b"", hashlib.sha256(b"").hexdigest()),
        ('<?xml version="1.0" encoding="UTF-8"?><edXML>Đ</edXML>'.encode(), HASH_FILE),
    ],
)
def test_hash_file_is_short_where_the_sdks_is(body: bytes, expected: str) -> None:
    assert wire.hash_file_as_sdk(hashlib.sha256(body).hexdigest()) == expected


@given(st.binary(), st.booleans(), st.booleans())
def test_hash_file_is_accepted_in_either_form_with_or_without_crlf(packet: bytes, padded: bool, crlf: bool) -> None:
    true = hashlib.sha256(packet).hexdigest()
    body = packet + wire.CRLF if crlf else packet
    value = true if padded else wire.hash_file_as_sdk(true)
    less = body.removesuffix(wire.CRLF)
    assert wire.hash_file_matches(value, hashlib.sha256(body).hexdigest(), hashlib.sha256(less).hexdigest())


def test_hash_file_of_other_bytes_is_refused() -> None:
    true, other = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()
    assert not wire.hash_file_matches(true, other, other)


@pytest.mark.parametrize("operation", wire.Operation)
def test_only_send_carries_a_packet_and_only_download_is_a_get(operation: wire.Operation) -> None:
    assert (operation.content_type == wire.PACKET_TYPE) == (operation.value == "sendEdoc")
    assert (operation.method == "GET") == (operation.value == "downloadEdoc")
