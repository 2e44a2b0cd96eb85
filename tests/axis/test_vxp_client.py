"""The client against a server that misbehaves in every known way."""

import asyncio
import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from vxp_raw_server import (
    Behaviour,
    RawAxis,
    Turn,
    drops_after_body,
    drops_before_body,
    drops_in_body,
    hangs_after_body,
    hangs_before_body,
    raw_axis,
    says,
    says_before_body,
    says_chunked,
    says_early_and_closes,
    says_half,
    says_zipped,
)

from gateway.axis.port import (
    Accepted,
    Agency,
    Axis,
    AxisRefused,
    AxisUnavailable,
    ErrorClass,
    Exchange,
    Item,
    MessageType,
    NotSent,
    Registration,
    Rejected,
    SendResult,
    SentRow,
    Transport,
    Unknown,
)
from gateway.axis.settings import HashFileForm, VxpSettings
from gateway.axis.vxp import errors, wire
from gateway.axis.vxp.client import VxpClient
from gateway.axis.vxp.reading import Envelope, Malformed, envelope, excerpt
from gateway.axis.vxp.sending import PIECE_BYTES, SendBody, outcome
from gateway.problems import Problem

SECRET = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg="
SYSTEM = "00.99.X99"
NOW = datetime(2026, 11, 22, 10, 47, 51, tzinfo=UTC)
PACKET = '<?xml version="1.0" encoding="UTF-8"?><edXML>Đ</edXML>'.encode()
BIG_PACKET = PACKET + b" " * 20_000_000
OK: dict[str, object] = {"status": "OK", "ErrorCode": "0", "ErrorDesc": "Thanh cong"}
FAIL: dict[str, object] = {"status": "FAIL", "ErrorCode": "15", "ErrorDesc": "Sai SystemId hoac SecretKey"}
OBJECT_ID = "5f0c1d2e3a4b5c6d7e8f9012"
GUID = "3f6a0c1e-7b52-4d0e-9a55-0d6f2f3b9c11"
ITEM = {"docId": GUID, "serviceType": "eDoc", "messageType": "edoc", "from": "000.00.00.X98", "to": "000.00.00.X99",
        "status": "initial", "created_time": "2026-01-02 03:04:05", "status_desc": ""}  # fmt: skip
HTML = b"<html><body>Bad Gateway</body></html>"


@dataclass
class Bytes:
    """A packet in memory."""

    content: bytes
    said: bytes | None = None

    @property
    def size(self) -> int:
        return len(self.said if self.said is not None else self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.said if self.said is not None else self.content).hexdigest()

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)


class Gone(Bytes):
    def open(self) -> BinaryIO:
        raise FileNotFoundError


async def no_pause(_seconds: float) -> None:
    """Retries need no time here."""


Running = tuple[VxpClient, RawAxis]


@asynccontextmanager
async def running(*behaviours: Behaviour, told: list[Exchange] | None = None, **changes: Any) -> AsyncIterator[Running]:
    async with raw_axis(*behaviours) as axis:
        settings = replace(VxpSettings(endpoint=axis.endpoint, allow_plain_http=True), **changes)
        client = VxpClient(
            settings,
            system_id=SYSTEM,
            secret=SECRET,
            clock=lambda: NOW,
            on_exchange=told.append if told is not None else None,
            pause=no_pause,
        )
        try:
            yield client, axis
        finally:
            await client.close()


async def send(client: VxpClient, content: bytes = PACKET) -> SendResult:
    return await client.send(MessageType.EDOC, "000.00.00.X99", Bytes(content))


def test_the_client_is_an_axis() -> None:
    settings = VxpSettings(endpoint="https://axis.example/a")
    axis: Axis = VxpClient(settings, system_id=SYSTEM, secret=SECRET, clock=lambda: NOW)
    assert axis


class TestSend:
    async def test_a_sent_packet_is_accepted_with_the_senders_id(self) -> None:
        async with running(says(OK | {"DocId": OBJECT_ID})) as (client, _):
            assert await send(client) == Accepted(OBJECT_ID)

    async def test_the_request_is_what_the_vendors_client_sends(self) -> None:
        async with running(says(OK | {"DocId": OBJECT_ID})) as (client, axis):
            await send(client)
        request = axis.requests[0]
        assert request.line == "POST /XrdAdapter/adapter/sendEdoc HTTP/1.1"
        assert request.body == PACKET + b"\r\n"
        assert request.header("Content-Length") == str(len(PACKET) + 2)
        assert request.header("Transfer-Encoding") is None
        assert request.header("XroadVnpt-hash-file") == wire.hash_file_as_sdk(hashlib.sha256(PACKET).hexdigest())
        assert request.header("XroadVnpt-to") is None
        assert isinstance(wire.verify(request.headers, {SYSTEM: SECRET}.get), wire.Verified)

    async def test_settings_change_hash_form_line_end_and_recipients_header(self) -> None:
        changes: dict[str, Any] = {
            "hash_file_form": HashFileForm.PADDED,
            "trailing_crlf": False,
            "send_to_header": True,
        }
        async with running(says(OK | {"DocId": OBJECT_ID}), **changes) as (client, axis):
            await client.send(MessageType.STATUS, "000.00.00.X99", Bytes(PACKET), ("000.00.00.X98", "X97"))
        request = axis.requests[0]
        assert request.body == PACKET
        assert request.header("XroadVnpt-hash-file") == hashlib.sha256(PACKET).hexdigest()
        assert request.header("XroadVnpt-to") == '["000.00.00.X98","X97"]'
        assert request.header("XroadVnpt-messagetype") == "status"

    async def test_a_large_packet_arrives_byte_for_byte(self) -> None:
        async with running(says(OK | {"DocId": OBJECT_ID})) as (client, axis):
            assert await send(client, BIG_PACKET) == Accepted(OBJECT_ID)
        assert axis.requests[0].body == BIG_PACKET + b"\r\n"

    async def test_every_send_has_a_fresh_connection(self) -> None:
        async with running(says(OK | {"DocId": OBJECT_ID})) as (client, axis):
            await send(client)
            await send(client)
        assert axis.connections == 2

    async def test_nothing_listening_is_not_sent(self) -> None:
        async with running(says(OK)) as (client, axis):
            pass
        async with running(says(OK), endpoint=axis.endpoint) as (client, _):
            assert await send(client) == NotSent("connect")

    @pytest.mark.parametrize("behaviour", [drops_before_body, drops_in_body])
    async def test_a_connection_lost_within_the_body_is_not_sent(self, behaviour: Behaviour) -> None:
        async with running(behaviour) as (client, axis):
            assert isinstance(await send(client, BIG_PACKET), NotSent)
        assert len(axis.requests) == 1

    async def test_a_connection_lost_with_the_last_piece_counts_as_unknown(self) -> None:
        async with running(drops_before_body) as (client, _):
            assert await send(client) == Unknown("cut")

    async def test_the_body_is_complete_only_with_the_piece_of_the_last_byte(self) -> None:
        body = SendBody(Bytes(b"x" * (2 * PIECE_BYTES)), trailing_crlf=True)
        assert [(len(piece), body.completed) async for piece in body.pieces()] == [
            (PIECE_BYTES, False),
            (PIECE_BYTES + 2, True),
        ]

    async def test_a_body_that_nobody_reads_is_not_sent(self) -> None:
        async with running(hangs_before_body, transfer_seconds=0.3, transfer_seconds_per_mb=0) as (client, _):
            assert await send(client, BIG_PACKET) == NotSent("timeout")

    async def test_an_answer_lost_after_the_body_is_unknown_and_not_repeated(self) -> None:
        async with running(drops_after_body) as (client, axis):
            assert await send(client) == Unknown("cut")
        assert len(axis.requests) == 1

    async def test_an_answer_that_never_comes_is_unknown(self) -> None:
        async with running(hangs_after_body, transfer_seconds=0.3, transfer_seconds_per_mb=0) as (client, _):
            assert await send(client) == Unknown("timeout")

    @pytest.mark.parametrize(
        ("behaviour", "expected"),
        [
            (says(HTML, status="502 Bad Gateway"), Unknown("http_502")),
            (says(HTML, status="503 Service Unavailable", headers="Retry-After: 7\r\n"), Unknown("http_503")),
            (says(FAIL, status="504 Gateway Timeout"), Unknown("http_504")),
            (says(HTML), Unknown("not_json")),
            (says(HTML, status="404 Not Found"), Unknown("http_404")),
            (says(b"", status="401 Unauthorized"), Unknown("http_401")),
            (says(b""), Unknown("empty")),
            (says(b"[]"), Unknown("not_json")),
            (says(b'{"status":"OK","ErrorCode":"0"}'), Unknown("keys_missing")),
            (says_half(json.dumps(OK | {"DocId": OBJECT_ID}).encode()), Unknown("cut")),
            (says_chunked(b'{"status":"OK",', ended=False), Unknown("cut")),
            (says(b"zip", headers="Content-Encoding: gzip\r\n"), Unknown("bad_encoding")),
            (says(b"{" + b" " * 70_000 + b"}"), Unknown("too_large")),
            (says(OK), Unknown("ok_without_docid")),
            (says(OK | {"DocId": None}), Unknown("ok_without_docid")),
            (says(OK | {"DocId": OBJECT_ID}, status="500 Oops"), Unknown("http_500", OBJECT_ID)),
            (says(OK | {"ErrorCode": "15", "DocId": OBJECT_ID}), Unknown("contradictory", OBJECT_ID)),
            (says(FAIL | {"ErrorCode": "0"}), Unknown("contradictory")),
            (says(FAIL | {"ErrorCode": 20, "DocId": OBJECT_ID}), Unknown("error_20", OBJECT_ID)),
            (says(OK | {"DocId": "a b"}), Unknown("bad_row")),
        ],
    )
    async def test_an_answer_that_decides_nothing_is_unknown(self, behaviour: Behaviour, expected: Unknown) -> None:
        async with running(behaviour) as (client, _):
            assert await send(client) == expected

    @pytest.mark.parametrize(
        "behaviour",
        [
            says(FAIL),
            says(FAIL | {"DocId": None}),
            says(FAIL | {"DocId": OBJECT_ID}),
            says(FAIL | {"ErrorCode": 15}),
            says(FAIL | {"status": "fail"}),
            says(FAIL, status="401 Unauthorized"),
            says(FAIL, status="413 Content Too Large"),
            says(b"\xef\xbb\xbf" + json.dumps(FAIL).encode()),
            says_zipped(json.dumps(FAIL).encode()),
            says_before_body(FAIL),
        ],
    )
    async def test_a_valid_refusal_is_rejected_with_its_cause(self, behaviour: Behaviour) -> None:
        async with running(behaviour) as (client, _):
            assert await send(client) == Rejected("15", "Sai SystemId hoac SecretKey", ErrorClass.CONFIGURATION)

    async def test_an_early_refusal_with_a_closed_connection_never_leaves_doubt(self) -> None:
        async with running(says_early_and_closes) as (client, _):
            assert isinstance(await send(client, BIG_PACKET), (Rejected, NotSent))

    @pytest.mark.parametrize("key", ["DocId", "docId", "docID"])
    async def test_the_id_is_found_in_any_spelling(self, key: str) -> None:
        async with running(says_chunked(json.dumps(OK | {"status": "ok", "ErrorCode": 0, key: "7"}).encode())) as (
            c,
            _,
        ):
            assert await send(c) == Accepted("7")

    @pytest.mark.parametrize(
        ("packet", "reason"),
        [
            (Bytes(PACKET, said=PACKET + b"more"), "packet_changed"),
            (Bytes(PACKET + b"more", said=PACKET), "packet_changed"),
            (Bytes(b"x" * len(PACKET), said=PACKET), "packet_changed"),
            (Gone(PACKET), "packet_changed"),
        ],
    )
    async def test_a_packet_that_is_not_what_was_hashed_does_not_leave(self, packet: Bytes, reason: str) -> None:
        async with running(says(OK | {"DocId": OBJECT_ID})) as (client, _):
            assert await client.send(MessageType.EDOC, "000.00.00.X99", packet) == NotSent(reason)

    async def test_a_code_that_cannot_be_a_header_is_not_sent(self) -> None:
        async with running(says(OK | {"DocId": OBJECT_ID})) as (client, axis):
            assert await client.send(MessageType.EDOC, "Sở", Bytes(PACKET)) == NotSent("bad_header_value")
        assert axis.requests == []

    @pytest.mark.parametrize(
        ("answer", "status", "expected"),
        [
            (FAIL, 200, Rejected("15", "Sai SystemId hoac SecretKey", ErrorClass.CONFIGURATION)),
            (FAIL | {"ErrorCode": "20"}, 200, NotSent("error_20", 7.0)),
            (FAIL, 503, NotSent("http_503", 7.0)),
            (OK | {"DocId": OBJECT_ID}, 200, Unknown("ok_before_body", OBJECT_ID)),
        ],
    )
    def test_an_answer_before_the_body_was_complete(
        self, answer: dict[str, object], status: int, expected: SendResult
    ) -> None:
        assert outcome(envelope(answer), status, completed=False, retry_after=7.0) == expected

    @given(
        st.integers(100, 599), st.booleans(), st.sampled_from(["0", "10", "15", "18", "20", "21", "99"]), st.booleans()
    )
    def test_accepted_needs_every_sign_of_success(self, status: int, ok: bool, code: str, completed: bool) -> None:
        said = {"status": "OK" if ok else "FAIL", "ErrorCode": code, "ErrorDesc": "", "DocId": OBJECT_ID}
        result = outcome(envelope(said), status, completed=completed, retry_after=None)
        assert isinstance(result, Accepted) == (ok and code == "0" and completed and 200 <= status < 300)

    @given(st.integers(100, 599), st.booleans(), st.sampled_from(["0", "10", "15", "18", "20", "21", "99"]))
    def test_nothing_is_called_not_sent_once_the_body_is_complete(self, status: int, ok: bool, code: str) -> None:
        said = {"status": "OK" if ok else "FAIL", "ErrorCode": code, "ErrorDesc": ""}
        assert not isinstance(outcome(envelope(said), status, completed=True, retry_after=None), NotSent)


class TestReceived:
    async def test_items_are_read_with_their_own_words(self) -> None:
        async with running(says(OK | {"data": [ITEM]})) as (client, axis):
            items = await client.received(MessageType.EDOC, NOW, NOW)
        assert items == [
            Item(
                doc_id=GUID,
                message_type=MessageType.EDOC,
                from_code="000.00.00.X98",
                to_code="000.00.00.X99",
                status=Transport.INITIAL,
                created_time="2026-01-02 03:04:05",
            )
        ]
        assert axis.requests[0].header("XroadVnpt-fromDate") == "22/11/2026 17:47:51"
        assert axis.requests[0].header("Content-Length") == "0"

    @pytest.mark.parametrize("answer", [OK, OK | {"data": []}, OK | {"data": None}])
    async def test_an_empty_list_is_empty_only_when_the_axis_says_so(self, answer: dict[str, object]) -> None:
        async with running(says(answer)) as (client, _):
            assert await client.received(MessageType.STATUS) == []

    async def test_null_and_absent_fields_and_new_ones_are_taken(self) -> None:
        row = {"docid": GUID, "from": None, "status": "SOMETHING", "new": {"deep": [1]}, "status_desc": None}
        async with running(says(OK | {"data": [row]})) as (client, _):
            (item,) = await client.received(MessageType.STATUS)
        assert item == Item(
            doc_id=GUID, message_type=MessageType.STATUS, from_code=None, to_code=None, status=Transport.UNKNOWN
        )

    @pytest.mark.parametrize(
        ("behaviour", "reason"),
        [
            (says(HTML, status="502 Bad Gateway"), "http_502"),
            (says(OK | {"data": []}, status="502 Bad Gateway"), "http_502"),
            (says(HTML), "not_json"),
            (says(b""), "empty"),
            (says(b"null"), "not_json"),
            (says(b"{}"), "keys_missing"),
            (says({"status": None, "ErrorCode": None, "ErrorDesc": None}), "bad_envelope"),
            (says({"data": []}), "keys_missing"),
            (says(OK | {"ErrorCode": "7", "data": []}), "contradictory"),
            (says(OK | {"data": "text"}), "bad_row"),
            (says(OK | {"data": {}}), "bad_row"),
            (says(OK | {"data": [ITEM, "x"]}), "bad_row"),
            (says(OK | {"data": [ITEM, {}]}), "bad_row"),
            (says(OK | {"data": [ITEM | {"docId": "x" * 65}]}), "bad_row"),
            (says(OK | {"data": [ITEM | {"docId": "a\nb"}]}), "bad_row"),
            (says(OK | {"data": [ITEM | {"docId": 7}]}), "bad_row"),
            (says(OK | {"data": [ITEM | {"DOCID": "other"}]}), "bad_row"),
            (says(OK | {"data": [ITEM | {"messageType": "fax"}]}), "bad_row"),
            (says(OK | {"data": [ITEM | {"from": ["x"]}]}), "bad_row"),
            (says(OK | {"data": [ITEM | {"from": "x" * 5000}]}), "bad_row"),
            (says_half(json.dumps(OK | {"data": [ITEM]}).encode()), "cut"),
            (says_chunked(b'{"data":[', ended=False), "cut"),
            (says(b"", status="302 Found", headers="Location: http://127.0.0.1:1/\r\n"), "http_302"),
        ],
    )
    async def test_an_answer_that_is_not_whole_and_valid_is_never_an_empty_list(
        self, behaviour: Behaviour, reason: str
    ) -> None:
        async with running(behaviour) as (client, _):
            with pytest.raises(AxisUnavailable) as caught:
                await client.received(MessageType.EDOC)
        assert caught.value.reason == reason

    @pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "500 Oops"])
    async def test_a_refusal_is_told_with_its_code(self, status: str) -> None:
        async with running(says(FAIL | {"data": ""}, status=status)) as (client, _):
            with pytest.raises(AxisRefused) as caught:
                await client.received(MessageType.EDOC)
        assert (caught.value.code, caught.value.error_class) == ("15", ErrorClass.CONFIGURATION)

    async def test_an_axis_that_hangs_is_given_up(self) -> None:
        async with running(hangs_after_body, list_seconds=0.2) as (client, _):
            with pytest.raises(AxisUnavailable, match="timeout"):
                await client.received(MessageType.EDOC)

    async def test_more_items_than_fit_is_not_a_shorter_list(self) -> None:
        async with running(says(OK | {"data": [ITEM, ITEM, ITEM]}), max_list_rows=2) as (client, _):
            with pytest.raises(AxisUnavailable, match="too_large"):
                await client.received(MessageType.EDOC)

    async def test_a_wait_that_the_axis_asks_for_is_passed_on(self) -> None:
        async with running(says(b"slow down", status="429 Too Many", headers="Retry-After: 12\r\n")) as (client, _):
            with pytest.raises(AxisUnavailable) as caught:
                await client.received(MessageType.EDOC)
        assert (caught.value.reason, caught.value.retry_after) == ("http_429", 12.0)

    async def test_a_wait_given_as_a_date_is_counted_from_our_clock(self) -> None:
        headers = "Retry-After: Sun, 22 Nov 2026 10:48:51 GMT\r\n"
        async with running(says(b"", status="503 No", headers=headers)) as (client, _):
            with pytest.raises(AxisUnavailable) as caught:
                await client.received(MessageType.EDOC)
        assert caught.value.retry_after == 60.0

    async def test_a_dropped_answer_is_asked_for_again_within_bounds(self) -> None:
        async with running(drops_after_body, drops_after_body, says(OK)) as (client, axis):
            assert await client.received(MessageType.EDOC) == []
        assert len(axis.requests) == 3

    async def test_it_does_not_ask_for_ever(self) -> None:
        async with running(drops_after_body) as (client, axis):
            with pytest.raises(AxisUnavailable, match="cut"):
                await client.received(MessageType.EDOC)
        assert len(axis.requests) == 3


class TestFetch:
    @pytest.mark.parametrize("served", [says, says_zipped, says_chunked, None])
    async def test_a_packet_is_written_as_it_was(self, served: Callable[[bytes], Behaviour] | None) -> None:
        answer = json.dumps({"data": base64.b64encode(PACKET).decode()} | OK).replace("/", "\\/").encode()
        behaviour = (
            served(answer) if served else says_chunked(*[answer[at : at + 7] for at in range(0, len(answer), 7)])
        )
        written = io.BytesIO()
        async with running(behaviour) as (client, axis):
            assert await client.fetch(GUID, written.write) == len(PACKET)
        assert written.getvalue() == PACKET
        assert axis.requests[0].header("XroadVnpt-docId") == GUID
        assert axis.requests[0].body == b"{}"

    @pytest.mark.parametrize(
        ("behaviour", "reason"),
        [
            (says(OK), "no_data"),
            (says(OK | {"data": None}), "no_data"),
            (says(OK | {"data": ""}), "no_data"),
            (says(OK | {"data": []}), "no_data"),
            (says(OK | {"data": "QUJ"}), "bad_base64"),
            (says({"data": "QUJD"}), "keys_missing"),
            (says(OK | {"data": "QUJD"}, status="500 Oops"), "http_500"),
            (says_half(json.dumps(OK | {"data": "QUJD" * 10_000}).encode()), "cut"),
            (says_chunked(b'{"status":"OK","data":"QUJD', ended=True), "cut"),
            (says(PACKET), "not_json"),
        ],
    )
    async def test_what_is_not_a_whole_packet_is_refused(self, behaviour: Behaviour, reason: str) -> None:
        async with running(behaviour) as (client, _):
            with pytest.raises(AxisUnavailable) as caught:
                await client.fetch(GUID, len)
        assert caught.value.reason == reason

    async def test_a_refusal_behind_the_data_still_counts(self) -> None:
        async with running(says({"data": "QUJD"} | FAIL)) as (client, _):
            with pytest.raises(AxisRefused):
                await client.fetch(GUID, len)

    async def test_a_packet_over_the_cap_is_refused(self) -> None:
        async with running(says(OK | {"data": "QUJD" * 100}), max_packet_bytes=200) as (client, _):
            with pytest.raises(AxisUnavailable, match="too_large"):
                await client.fetch(GUID, len)


class TestDownload:
    async def test_raw_bytes_are_taken_when_they_are_a_whole_packet(self) -> None:
        written = io.BytesIO()
        async with running(says(PACKET + b"\r\n"), use_download=True) as (client, axis):
            assert await client.fetch(GUID, written.write) == len(PACKET) + 2
        assert written.getvalue() == PACKET + b"\r\n"
        assert axis.requests[0].line.startswith("GET /XrdAdapter/adapter/downloadEdoc ")

    async def test_where_it_is_not_offered_the_usual_way_is_taken(self) -> None:
        async with running(says(HTML, status="404 Not Found"), says(OK | {"data": "QUJD"}), use_download=True) as (
            c,
            _,
        ):
            assert await c.fetch(GUID, len) == 3

    @pytest.mark.parametrize(
        ("behaviour", "reason"),
        [
            (says(HTML), "not_packet"),
            (says(PACKET[:-3]), "not_whole"),
            (says(b""), "not_whole"),
            (says(OK), "not_packet"),
            (says(PACKET, status="500 Oops"), "http_500"),
        ],
    )
    async def test_an_error_page_is_not_a_packet(self, behaviour: Behaviour, reason: str) -> None:
        async with running(behaviour, use_download=True) as (client, _):
            with pytest.raises(AxisUnavailable) as caught:
                await client.fetch(GUID, len)
        assert caught.value.reason == reason

    async def test_what_is_no_whole_packet_is_asked_for_in_an_envelope_the_next_time(self) -> None:
        written = io.BytesIO()
        async with running(says(b"no packet"), says(OK | {"data": "QUJD"}), use_download=True) as (client, axis):
            with pytest.raises(AxisUnavailable, match="not_packet"):
                await client.fetch(GUID, len)
            assert await client.fetch(GUID, written.write) == 3
        assert written.getvalue() == b"ABC"
        assert [one.line.split(" ")[1].rpartition("/")[2] for one in axis.requests] == ["downloadEdoc", "getEdoc"]

    async def test_a_refusal_is_told(self) -> None:
        async with running(says(FAIL), use_download=True) as (client, _):
            with pytest.raises(AxisRefused):
                await client.fetch(GUID, len)


class TestOtherCalls:
    async def test_an_acknowledgement_names_document_and_state(self) -> None:
        async with running(says(OK)) as (client, axis):
            await client.acknowledge(GUID, Transport.DONE)
        request = axis.requests[0]
        assert (request.header("XroadVnpt-docId"), request.header("XroadVnpt-status")) == (GUID, "done")

    async def test_initial_is_no_acknowledgement(self) -> None:
        async with running(says(OK)) as (client, _):
            with pytest.raises(ValueError, match="initial"):
                await client.acknowledge(GUID, Transport.INITIAL)

    async def test_the_sent_list_keeps_both_words_raw(self) -> None:
        row = {
            "senderDocId": OBJECT_ID,
            "receiverDocId": GUID,
            "toCode": "X98",
            "sendStatus": "Đã gửi",
            "receiveStatus": 1,
        }
        async with running(says(OK | {"data": [row]})) as (client, axis):
            rows = await client.sent(MessageType.EDOC, OBJECT_ID)
        assert rows == [
            SentRow(
                sender_doc_id=OBJECT_ID,
                receiver_doc_id=GUID,
                from_code=None,
                to_code="X98",
                send_status="Đã gửi",
                receive_status="1",
            )
        ]
        assert axis.requests[0].header("XroadVnpt-docId") == OBJECT_ID

    @pytest.mark.parametrize(("said", "expected"), [(3, 3), ("12", 12), (0, 0)])
    async def test_a_count_is_a_number_however_written(self, said: object, expected: int) -> None:
        async with running(says(OK | {"count": said})) as (client, _):
            assert await client.count(MessageType.STATUS) == expected

    @pytest.mark.parametrize(
        ("said", "reason"), [({}, "keys_missing"), ({"count": -1}, "bad_envelope"), ({"count": True}, "bad_envelope")]
    )
    async def test_no_count_is_not_zero(self, said: dict[str, object], reason: str) -> None:
        async with running(says(OK | said)) as (client, _):
            with pytest.raises(AxisUnavailable, match=reason):
                await client.count(MessageType.EDOC)

    async def test_a_registration_goes_out_as_json_and_once(self) -> None:
        unit = Registration(parent_code="00.99.X99", code="000.01.01.X99", name="Sở Mẫu")
        async with running(drops_after_body) as (client, axis):
            with pytest.raises(AxisUnavailable):
                await client.register(unit)
        assert [json.loads(request.body) for request in axis.requests] == [
            {
                "id": "",
                "pcode": "00.99.X99",
                "code": "000.01.01.X99",
                "name": "Sở Mẫu",
                "mail": "",
                "mobile": "",
                "fax": "",
            }
        ]

    async def test_a_removal_names_the_unit(self) -> None:
        async with running(says(OK)) as (client, axis):
            await client.remove("000.01.01.X99")
        assert axis.requests[0].header("XroadVnpt-AgencyCode") == "000.01.01.X99"

    async def test_calls_share_a_kept_connection(self) -> None:
        async with running(says(OK | {"count": 1})) as (client, axis):
            await client.count(MessageType.EDOC)
            await client.count(MessageType.EDOC)
        assert axis.connections == 1


class TestDirectory:
    async def test_all_three_lists_are_read(self) -> None:
        old = {"id": "1001", "code": "000.00.00.X99", "name": "UBND tỉnh Mẫu", "pid": "1", "oldCode": ""}
        new = {"id": "1001", "code": "X99", "name": "UBND tỉnh Mẫu", "code102": "000.00.00.X99"}
        unit = {"code": "X99", "name": "M", "version": 3, "centerCode": "c", "deleted": True, "isAgency": False}
        answers = [says(OK | {"data": [row]}) for row in (old, new, unit)]
        async with running(*answers) as (client, axis):
            found = [
                *[row async for row in client.agencies()],
                *[row async for row in client.agencies_qd20()],
                *[row async for row in client.units()],
            ]
        assert found == [
            Agency(code="000.00.00.X99", name="UBND tỉnh Mẫu", id="1001", parent_id="1"),
            Agency(code="X99", name="UBND tỉnh Mẫu", id="1001", code_2016="000.00.00.X99"),
            Agency(code="X99", name="M", version=3, center_code="c", deleted=True, is_agency=False),
        ]
        assert axis.requests[1].header("XroadVnpt-level") == "1"

    async def test_rows_come_before_the_end_and_a_cut_is_told(self) -> None:
        rows = ",".join(json.dumps({"code": f"X{number}", "name": "M"}) for number in range(5000))
        seen: list[Agency] = []

        async def take(client: VxpClient) -> None:
            async for row in client.agencies():
                seen.append(row)

        async with running(says_chunked(b'{"data":[' + rows.encode(), ended=False)) as (client, _):
            with pytest.raises(AxisUnavailable, match="cut"):
                await take(client)
        assert len(seen) > 4000

    async def test_a_row_without_code_does_not_keep_the_directory_out(self) -> None:
        async with running(says(OK | {"data": [{"id": "1", "code": None}, {"code": "X99"}]})) as (client, _):
            assert [row.code async for row in client.agencies()] == ["", "X99"]

    @pytest.mark.parametrize("row", [{"version": "x"}, {"deleted": "maybe"}, {"name": ["x"]}, {"name": "\ud800"}])
    async def test_a_row_of_other_types_is_refused(self, row: dict[str, object]) -> None:
        async with running(says(json.dumps(OK | {"data": [row]}).encode())) as (client, _):
            with pytest.raises(AxisUnavailable, match="bad_row"):
                [row async for row in client.units()]

    async def test_more_rows_than_the_cap_are_refused(self) -> None:
        async with running(says(OK | {"data": [{"code": "X99"}] * 3}), max_directory_rows=2) as (client, _):
            with pytest.raises(AxisUnavailable, match="too_large"):
                [row async for row in client.agencies()]

    async def test_a_reader_who_stops_early_gives_the_connection_back(self) -> None:
        async with running(says(OK | {"data": [{"code": "X99"}] * 3}), max_connections=1) as (client, _):
            rows = client.agencies()
            await anext(rows)
            await rows.aclose()  # type: ignore[attr-defined]  # the port promises an iterator, this one is a generator
            assert len([row async for row in client.agencies()]) == 3


class TestWhatIsLogged:
    async def test_an_exchange_is_told_with_status_code_date_and_correlation(self) -> None:
        told: list[Exchange] = []
        answer = says(FAIL, status="401 Unauthorized", headers="Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n")
        with structlog.contextvars.bound_contextvars(correlation_id="c-1"):
            async with running(answer, told=told) as (client, _):
                await send(client)
        (exchange,) = told
        assert (exchange.operation, exchange.http_status, exchange.error_code) == ("sendEdoc", 401, "15")
        assert exchange.axis_date == datetime(2026, 11, 22, 10, tzinfo=UTC)
        assert exchange.correlation_id == "c-1"
        assert client.last_exchange == exchange

    async def test_neither_secret_nor_hash_is_told(self) -> None:
        async def echoes(turn: Turn) -> None:
            await turn.read_body()
            page = "".join(f"<p>{name!r}: {value!r}</p>" for name, value in turn.request.headers if b"hash" in name)
            turn.put(f"<html>{SECRET} {page}".encode(), status="500 Oops")

        told: list[Exchange] = []
        async with running(echoes, told=told) as (client, axis):
            await send(client)
        said = repr(told)
        hashes = [value.decode() for name, value in axis.requests[0].headers if b"hash" in name.lower()]
        assert len(hashes) == 2
        assert not [secret for secret in [SECRET, *hashes] if secret in said]

    @pytest.mark.parametrize(
        "answer",
        [
            b'{"status":"OK","data":[{"title":"V/v bi mat"}]}',
            b'[{"title":"V/v bi mat"}]',
            PACKET + b"bi mat",
        ],
    )
    def test_document_content_is_not_in_an_excerpt(self, answer: bytes) -> None:
        assert "bi mat" not in excerpt(answer, SECRET)

    def test_an_error_page_is_in_an_excerpt_on_one_line(self) -> None:
        assert excerpt(b"<html>\r\n502 Bad\x1b[31m Gateway", SECRET) == "<html> 502 Bad [31m Gateway"

    async def test_an_axis_that_writes_a_novel_is_cut_short(self) -> None:
        async with running(says(FAIL | {"ErrorDesc": "dài\n" * 5000})) as (client, _):
            result = await send(client)
        assert isinstance(result, Rejected)
        assert len(result.text) == 200


class TestSettings:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"endpoint": "http://10.0.0.1:8080/XrdAdapter/adapter"}, "connection.plain_http"),
            ({"endpoint": "https://axis.example/a/"}, "connection.endpoint"),
            ({"endpoint": "ftp://axis.example"}, "connection.endpoint"),
            ({"endpoint": "axis.example"}, "connection.endpoint"),
            ({"endpoint": "https://user:pw@axis.example"}, "connection.endpoint"),
            ({"endpoint": "https://axis.example?x=1"}, "connection.endpoint"),
            ({"endpoint": "https://axis.example:99999"}, "connection.endpoint"),
            ({"endpoint": "https://[axis"}, "connection.endpoint"),
            ({"endpoint": "https://axis.example/a b"}, "connection.endpoint"),
            ({"max_connections": 11}, "connection.setting"),
            ({"max_connections": 0}, "connection.setting"),
            ({"quick_retries": 3}, "connection.setting"),
            ({"list_seconds": 0}, "connection.setting"),
        ],
    )
    def test_settings_that_cannot_work_are_refused(self, changes: dict[str, Any], code: str) -> None:
        with pytest.raises(Problem) as caught:
            VxpSettings(**{"endpoint": "https://axis.example/a"} | changes)
        assert caught.value.code == code

    async def test_https_trusts_the_given_authority_only(self, tmp_path: Path) -> None:
        ca = tmp_path / "ca.pem"
        ca.write_text("not a certificate")
        settings = VxpSettings(endpoint="https://axis.example/a", ca_file=ca)
        with pytest.raises(OSError):
            VxpClient(settings, system_id=SYSTEM, secret=SECRET, clock=lambda: NOW)

    async def test_a_server_without_tls_is_named_so(self) -> None:
        async def speaks_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(speaks_plainly, "127.0.0.1", 0) as server:
            settings = VxpSettings(endpoint=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/a")
            client = VxpClient(settings, system_id=SYSTEM, secret=SECRET, clock=lambda: NOW)
            result = await send(client)
            await client.close()
        assert result == NotSent("tls")


@pytest.mark.parametrize("code", ["10", "15", "18", "19", "20", "21", "22", "23", "99"])
def test_every_code_is_classed_and_explained_in_two_languages(code: str) -> None:
    assert errors.classify(code) in ErrorClass
    assert errors.explain(code).vi != errors.explain(code).en


@given(
    st.dictionaries(
        st.sampled_from(["status", "ErrorCode", "ErrorDesc", "DocId", "docId", "count", "data"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.sampled_from(["OK", "FAIL", "0"]),
    )
)
def test_any_object_is_an_envelope_or_malformed(members: dict[str, object]) -> None:
    try:
        answer = envelope(members)
    except Malformed:
        return
    assert isinstance(answer, Envelope)
    assert not (answer.ok and (answer.code != "0" or str(members["status"]).strip().upper() != "OK"))
