"""The protocol's server half, over real HTTP, before a backend that remembers what it was asked."""

import base64
import gzip
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from axis_requests import EDOC, NOW, Caller

from gateway.axis.port import Agency, Item, MessageType, Registration, SentRow, Transport
from gateway.axis.vxp import wire
from gateway.axis.vxp.answers import unaccented
from gateway.axis.vxp.backend import (
    Acknowledgement,
    ErrorCode,
    ReceivedQuery,
    SentQuery,
    ServerFail,
    Submission,
)
from gateway.axis.vxp.server import ServerLimits, axis_app
from gateway.axis.vxp.wire import Operation
from gateway.edxml.sinks import Sink, Source
from gateway.problems import Kind, Problem, Text
from gateway.simulator.serving import serving
from gateway.store import FolderBlobs
from gateway.store.blobs import FolderBlobWriter

PACKET = '<?xml version="1.0" encoding="UTF-8"?><edXML>Đ</edXML>'.encode()
SMALL_BYTE_PACKET = b"abc"  # its SHA-256 has bytes below 0x10, so the SDK's form of it is short
ITEM = Item(
    doc_id="3f6a0c1e-7b52-4d0e-9a55-0d6f2f3b9c11",
    message_type=MessageType.EDOC,
    from_code="H99",
    to_code="H99.07",
    status=Transport.INITIAL,
    created_time="2026-01-02 03:04:05",
)
AGENCY = Agency(code="H99", name="UBND tỉnh Giả Định", id="1001", old_code="000.00.00.H99", version=3)


@dataclass
class Backend:
    """Answers with what it was given and keeps what it was asked."""

    blobs: FolderBlobs
    packet: bytes = PACKET
    items: list[Item] = field(default_factory=lambda: [ITEM])
    refusal: ServerFail | Problem | None = None
    asked: list[object] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    discarded: int = 0

    def _note(self, asked: object) -> None:
        self.asked.append(asked)
        if self.refusal:
            raise self.refusal

    async def received(self, query: ReceivedQuery) -> Iterable[Item]:
        self._note(query)
        return self.items

    async def fetch(self, system_id: str, doc_id: str) -> Source:
        self._note(doc_id)
        writer = self.blobs.create()
        writer.write(self.packet)
        return self.blobs.source(writer.commit())

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        self._note(acknowledgement)

    async def new_body(self, submission: Submission) -> Sink:
        return CountedSink(self, self.blobs.create())

    async def send(self, submission: Submission, body: Sink) -> str:
        with body.reopen() as stream:
            self.bodies.append(stream.read())
        body.discard()
        self._note(submission)
        return "5f0c1d2e3a4b5c6d7e8f9012"

    async def sent(self, query: SentQuery) -> Iterable[SentRow]:
        self._note(query)
        row = SentRow(sender_doc_id=query.doc_id, receiver_doc_id="r", from_code="H99", to_code="H99.07")
        return [row]

    async def count(self, system_id: str, kind: MessageType) -> int:
        self._note(kind)
        return 3

    async def agencies(self, system_id: str) -> AsyncIterator[Agency]:
        async def rows() -> AsyncIterator[Agency]:
            yield AGENCY

        return rows()

    async def agencies_qd20(self, system_id: str, level: str) -> Iterable[Agency]:
        self._note(level)
        return [AGENCY]

    async def units(self, system_id: str) -> Iterable[Agency]:
        return [AGENCY]

    async def register(self, system_id: str, registration: Registration) -> None:
        self._note(registration)

    async def remove(self, system_id: str, agency_code: str) -> None:
        self._note(agency_code)


@dataclass
class CountedSink:
    """A sink that says when it was thrown away."""

    backend: Backend
    inner: FolderBlobWriter

    def __post_init__(self) -> None:
        self.write = self.inner.write
        self.reopen = self.inner.reopen

    @property
    def size(self) -> int:
        return self.inner.size

    @property
    def sha256(self) -> str:
        return self.inner.sha256

    def discard(self) -> None:
        self.backend.discarded += 1
        self.inner.discard()


LIMITS = ServerLimits(packet_bytes=1000, json_bytes=500, idle_seconds=0.3)


@pytest.fixture(scope="module")
def address(shared_backend: Backend) -> Iterator[str]:
    app = axis_app(shared_backend, secrets={"00.99.X99": Caller.secret}.get, clock=lambda: NOW, limits=LIMITS)
    with serving(app) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def shared_backend(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return Backend(FolderBlobs(tmp_path_factory.mktemp("blobs")))


@pytest.fixture
def backend(shared_backend: Backend) -> Backend:
    shared_backend.packet, shared_backend.items, shared_backend.refusal = PACKET, [ITEM], None
    shared_backend.asked, shared_backend.bodies, shared_backend.discarded = [], [], 0
    return shared_backend


@pytest.fixture
def caller(address: str, backend: Backend) -> Iterator[Caller]:
    made = Caller(address)
    yield made
    made.http.close()


def send_params(hash_file: str) -> dict[str, str]:
    return {**EDOC, "hash-file": hash_file, "from": "H99"}


class TestWhoAsks:
    def test_a_wrong_secret_is_refused_with_15_and_the_backend_is_not_asked(
        self, caller: Caller, backend: Backend
    ) -> None:
        caller.secret = "another"
        assert caller.json(Operation.RECEIVED, EDOC) == {
            "status": "FAIL",
            "ErrorCode": "15",
            "ErrorDesc": "Sai SystemId hoac SecretKey",
        }
        assert backend.asked == []

    def test_an_unknown_system_is_refused_with_15(self, caller: Caller) -> None:
        caller.system_id = "00.99.X98"
        assert caller.json(Operation.RECEIVED, EDOC)["ErrorCode"] == "15"

    def test_a_changed_parameter_is_refused(self, caller: Caller) -> None:
        headers = {**caller.headers(Operation.RECEIVED, EDOC), "XroadVnpt-messagetype": "status"}
        assert caller.call(Operation.RECEIVED, headers=headers).json()["ErrorCode"] == "15"

    def test_an_unsigned_parameter_is_not_there(self, caller: Caller) -> None:
        headers = {**caller.headers(Operation.UPDATE_STATUS, {"docId": "a"}), "XroadVnpt-status": "done"}
        answer = caller.call(Operation.UPDATE_STATUS, headers=headers, body=b"{}").json()
        assert answer["ErrorDesc"] == "Thieu tham so status"

    def test_header_names_are_read_without_case(self, caller: Caller, backend: Backend) -> None:
        params = {"DOCID": "a", "Status": "done"}
        headers = {name.upper(): value for name, value in caller.headers(Operation.UPDATE_STATUS, params).items()}
        assert caller.call(Operation.UPDATE_STATUS, headers=headers, body=b"{}").json()["status"] == "OK"

    def test_surplus_signed_headers_are_passed_over(self, caller: Caller, backend: Backend) -> None:
        params = {**EDOC, "from": "H99", "hash-file": "ab", "docId": "1", "filePath": "/var/lib/edoc"}
        assert caller.json(Operation.RECEIVED, params)["status"] == "OK"
        assert backend.asked == [ReceivedQuery(system_id="00.99.X99", kind=MessageType.EDOC)]

    def test_the_signed_time_is_looked_at_only_where_a_window_is_set(self, backend: Backend) -> None:
        late = NOW + timedelta(minutes=6)
        limits = ServerLimits(timestamp_window=timedelta(minutes=5))
        app = axis_app(backend, secrets={"00.99.X99": Caller.secret}.get, clock=lambda: late, limits=limits)
        with serving(app) as endpoint, httpx2.Client(trust_env=False) as http:
            assert Caller(endpoint, http=http).json(Operation.RECEIVED, EDOC)["ErrorCode"] == "15"


class TestAddresses:
    @pytest.mark.parametrize("prefix", ["", "/XrdAdapter/adapter", "/a/b/c"])
    def test_any_prefix_leads_to_the_operation(self, caller: Caller, prefix: str) -> None:
        headers = caller.headers(Operation.AGENCIES)
        answer = caller.http.post(f"{caller.endpoint}{prefix}/getAgenciesList", headers=headers)
        assert answer.json()["status"] == "OK"

    def test_an_unknown_operation_is_not_found(self, caller: Caller) -> None:
        answer = caller.http.post(f"{caller.endpoint}/getEverything")
        assert (answer.status_code, answer.json()["status"]) == (404, "FAIL")

    def test_another_method_is_not_allowed(self, caller: Caller) -> None:
        assert caller.http.get(f"{caller.endpoint}/getEdoc").status_code == 405


class TestSendEdoc:
    @pytest.mark.parametrize("crlf", [b"", b"\r\n"])
    @pytest.mark.parametrize("form", [str, wire.hash_file_as_sdk])
    def test_both_forms_of_hash_file_with_and_without_crlf_arrive_as_the_same_packet(
        self, caller: Caller, backend: Backend, crlf: bytes, form: type[str]
    ) -> None:
        hash_file = form(hashlib.sha256(SMALL_BYTE_PACKET).hexdigest())
        answer = caller.json(Operation.SEND, send_params(hash_file), SMALL_BYTE_PACKET + crlf)
        assert answer == {
            "status": "OK",
            "ErrorCode": "0",
            "ErrorDesc": "Thanh cong",
            "DocId": "5f0c1d2e3a4b5c6d7e8f9012",
        }
        assert backend.bodies == [SMALL_BYTE_PACKET]

    def test_a_crlf_that_was_hashed_belongs_to_the_packet(self, caller: Caller, backend: Backend) -> None:
        packet = b"<edXML/>\r\n"
        caller.json(Operation.SEND, send_params(hashlib.sha256(packet).hexdigest()), packet)
        assert backend.bodies == [packet]

    def test_only_one_crlf_is_taken_off(self, caller: Caller, backend: Backend) -> None:
        packet = b"<edXML/>\r\n"
        caller.json(Operation.SEND, send_params(hashlib.sha256(packet).hexdigest()), packet + b"\r\n")
        assert backend.bodies == [packet]

    def test_another_hash_is_refused_with_10_and_the_body_thrown_away(self, caller: Caller, backend: Backend) -> None:
        answer = caller.json(Operation.SEND, send_params("ab" * 32), PACKET)
        assert (answer["ErrorCode"], backend.bodies, backend.discarded) == ("10", [], 1)

    def test_a_refusal_still_carries_a_doc_id(self, caller: Caller) -> None:
        caller.secret = "another"
        assert caller.json(Operation.SEND, send_params("ab"), PACKET)["DocId"] == ""

    def test_the_backends_words_go_out_without_accents(self, caller: Caller, backend: Backend) -> None:
        backend.refusal = ServerFail(ErrorCode.UNKNOWN_RECEIVER, "Đơn vị nhận không tồn tại", doc_id="5f")
        assert caller.send(PACKET, "H99") == {
            "status": "FAIL",
            "ErrorCode": "18",
            "ErrorDesc": "Don vi nhan khong ton tai",
            "DocId": "5f",
        }

    def test_what_the_backend_cannot_do_is_a_system_error(self, caller: Caller, backend: Backend) -> None:
        backend.refusal = Problem("blob.disk_full", Kind.UNAVAILABLE, Text("Hết đĩa", "Full"), Text("Dọn", "Clean"))
        answer = caller.send(PACKET, "H99")
        assert (answer["ErrorCode"], answer["ErrorDesc"]) == ("20", "Loi he thong: blob.disk_full")

    def test_a_body_over_the_limit_is_refused(self, caller: Caller, backend: Backend) -> None:
        assert caller.send(b"x" * 2000, "H99")["ErrorCode"] == "10"
        assert backend.bodies == []

    def test_a_chunked_body_over_the_limit_is_refused(self, caller: Caller, backend: Backend) -> None:
        headers = caller.headers(Operation.SEND, send_params("ab" * 32))
        pieces = (b"x" * 300 for _ in range(5))
        answer = caller.http.post(f"{caller.endpoint}/sendEdoc", headers=headers, content=pieces)
        assert answer.json()["ErrorDesc"] == "Noi dung qua lon"

    def test_the_to_header_names_recipients(self, caller: Caller, backend: Backend) -> None:
        caller.send(PACKET, "H99", to=["H99.07", "H99.08"])
        assert isinstance(backend.asked[0], Submission)
        assert backend.asked[0].to == ("H99.07", "H99.08")

    @pytest.mark.parametrize("to", ["H99.07", "[]", "[1]", '{"a":1}', "[" * 5000])
    def test_a_to_header_that_is_no_list_of_codes_is_refused(self, caller: Caller, to: str) -> None:
        params = {**send_params(hashlib.sha256(PACKET).hexdigest()), "to": to}
        assert caller.json(Operation.SEND, params, PACKET)["ErrorCode"] == "-1"

    def test_a_cut_body_leaves_nothing(self, caller: Caller, backend: Backend) -> None:
        with raw_request(caller, send_params("ab" * 32), 500) as connection:
            connection.sendall(b"x" * 100)
        assert caller.json(Operation.COUNT_EDOC)["count"] == 3
        assert backend.bodies == []

    def test_a_body_that_does_not_come_is_given_up(self, caller: Caller, backend: Backend) -> None:
        with raw_request(caller, send_params("ab" * 32), 500) as connection:
            connection.sendall(b"x" * 100)
            assert b'"ErrorCode":"21"' in read_answer(connection)
        assert (backend.bodies, backend.discarded) == ([], 1)

    def test_expect_100_continue_is_answered_before_the_body(self, caller: Caller) -> None:
        params = send_params(hashlib.sha256(PACKET).hexdigest())
        with raw_request(caller, params, len(PACKET), "Expect: 100-continue\r\n") as connection:
            assert connection.recv(1000).startswith(b"HTTP/1.1 100")
            connection.sendall(PACKET)
            assert b'"status":"OK"' in read_answer(connection)


def raw_request(caller: Caller, params: dict[str, str], length: int, more: str = "") -> socket.socket:
    """A connection on which the headers of sendEdoc have gone out."""
    parts = urlsplit(caller.endpoint)
    connection = socket.create_connection((str(parts.hostname), parts.port or 80), timeout=10)
    headers = "".join(f"{name}: {value}\r\n" for name, value in caller.headers(Operation.SEND, params).items())
    connection.sendall(
        f"POST /sendEdoc HTTP/1.1\r\nHost: axis\r\n{headers}Content-Length: {length}\r\n{more}\r\n".encode()
    )
    return connection


def read_answer(connection: socket.socket) -> bytes:
    """What comes until the JSON is closed."""
    got = b""
    while not got.endswith(b"}") and (piece := connection.recv(4096)):
        got += piece
    return got


class TestParameters:
    @pytest.mark.parametrize(
        ("operation", "params"),
        [
            (Operation.RECEIVED, {"servicetype": "eDoc"}),
            (Operation.RECEIVED, {"messagetype": "edoc"}),
            (Operation.RECEIVED, {"servicetype": "mail", "messagetype": "edoc"}),
            (Operation.RECEIVED, {"servicetype": "eDoc", "messagetype": "letter"}),
            (Operation.FETCH, {}),
            (Operation.DOWNLOAD, {}),
            (Operation.FETCH, {"docId": "x" * 65}),
            (Operation.UPDATE_STATUS, {"docId": "a"}),
            (Operation.UPDATE_STATUS, {"docId": "a", "status": "initial"}),
            (Operation.UPDATE_STATUS, {"docId": "a", "status": "gone"}),
            (Operation.SEND, {**EDOC, "from": "H99"}),
            (Operation.SEND, {**EDOC, "hash-file": "ab"}),
            (Operation.SENT, {"docId": "a"}),
            (Operation.AGENCIES_QD20, {}),
            (Operation.DELETE, {}),
            (Operation.REGISTER, {}),
        ],
    )
    def test_what_is_missing_or_wrong_is_refused(
        self, caller: Caller, backend: Backend, operation: Operation, params: dict[str, str]
    ) -> None:
        answer = caller.json(operation, params)
        assert (answer["status"], answer["ErrorCode"]) == ("FAIL", "-1")
        assert backend.asked == []

    def test_dates_bound_the_list_and_another_form_is_not_heeded(self, caller: Caller, backend: Backend) -> None:
        caller.json(Operation.RECEIVED, {**EDOC, "fromDate": "01/02/2026 00:00:00", "toDate": "2026-02-08"})
        since = wire.parse_date_filter("01/02/2026 00:00:00")
        assert backend.asked == [ReceivedQuery(system_id="00.99.X99", kind=MessageType.EDOC, since=since)]

    def test_an_acknowledgement_is_read_without_case(self, caller: Caller, backend: Backend) -> None:
        caller.json(Operation.UPDATE_STATUS, {"docId": "a", "status": "DONE", "description": "xong"}, b"{}")
        wanted = Acknowledgement(system_id="00.99.X99", doc_id="a", state=Transport.DONE, description="xong")
        assert backend.asked == [wanted]

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"code":"H99"}', b'{"code":"","name":"x"}', b'{"code":1}'])
    def test_a_registration_without_code_or_name_is_refused(self, caller: Caller, body: bytes) -> None:
        assert caller.json(Operation.REGISTER, body=body)["ErrorCode"] == "-1"

    def test_null_in_a_registration_is_empty(self, caller: Caller, backend: Backend) -> None:
        body = json.dumps({"id": None, "pcode": "00.99.X99", "code": "H99.09", "name": "Sở", "more": 1}).encode()
        assert caller.json(Operation.REGISTER, body=body)["status"] == "OK"
        assert backend.asked == [Registration(parent_code="00.99.X99", code="H99.09", name="Sở")]

    def test_a_json_body_over_the_limit_is_refused(self, caller: Caller, backend: Backend) -> None:
        assert caller.json(Operation.REGISTER, body=b" " * 600)["ErrorCode"] == "10"


class TestAnswers:
    def test_a_field_that_is_not_known_is_absent(self, caller: Caller) -> None:
        rows = caller.json(Operation.RECEIVED, EDOC)["data"]
        assert rows == [
            {
                "docId": ITEM.doc_id,
                "serviceType": "eDoc",
                "messageType": "edoc",
                "created_time": "2026-01-02 03:04:05",
                "from": "H99",
                "to": "H99.07",
                "status": "initial",
                "status_desc": "",
            }
        ]

    def test_an_empty_list_is_an_empty_list(self, caller: Caller, backend: Backend) -> None:
        backend.items = []
        assert caller.json(Operation.RECEIVED, EDOC)["data"] == []

    @pytest.mark.parametrize("count", [499, 500, 501, 1000])
    def test_a_list_of_any_length_is_one_json_array(self, caller: Caller, backend: Backend, count: int) -> None:
        backend.items = [ITEM] * count
        assert len(caller.json(Operation.RECEIVED, EDOC)["data"]) == count

    def test_sent_rows_are_in_the_sdks_spelling(self, caller: Caller) -> None:
        assert caller.json(Operation.SENT, {**EDOC, "docId": "5f"})["data"] == [
            {
                "serviceType": "eDoc",
                "messageType": "edoc",
                "senderDocId": "5f",
                "receiverDocId": "r",
                "fromCode": "H99",
                "toCode": "H99.07",
            }
        ]

    def test_the_three_directories_have_their_own_fields(self, caller: Caller) -> None:
        plain = caller.json(Operation.AGENCIES)["data"]
        qd20 = caller.json(Operation.AGENCIES_QD20, {"level": "1"})["data"]
        units = caller.json(Operation.UNITS)["data"]
        name = "UBND tỉnh Giả Định"
        assert plain == [{"id": "1001", "code": "H99", "name": name, "oldCode": "000.00.00.H99"}]
        assert qd20 == [{"id": "1001", "code": "H99", "name": name}]
        assert units == [{"id": "1001", "code": "H99", "name": name, "version": 3, "deleted": False}]

    def test_counts_are_numbers(self, caller: Caller, backend: Backend) -> None:
        assert [caller.json(each)["count"] for each in (Operation.COUNT_EDOC, Operation.COUNT_STATUS)] == [3, 3]
        assert backend.asked == [MessageType.EDOC, MessageType.STATUS]

    def test_a_unit_is_removed_by_its_code(self, caller: Caller, backend: Backend) -> None:
        caller.json(Operation.DELETE, {"AgencyCode": "H99.07"}, b"{}")
        assert backend.asked == ["H99.07"]

    @pytest.mark.parametrize("size", [0, 1, 2, 3, 786_431, 786_432, 786_433])
    def test_a_packet_of_any_size_is_whole_in_both_forms(self, caller: Caller, backend: Backend, size: int) -> None:
        backend.packet = bytes(index % 251 for index in range(size))
        in_json = caller.json(Operation.FETCH, {"docId": "a"}, b"{}")["data"]
        alone = caller.call(Operation.DOWNLOAD, {"docId": "a"}).content
        assert base64.b64decode(in_json) == alone == backend.packet

    def test_the_length_of_a_packets_answer_is_said_beforehand(self, caller: Caller) -> None:
        headers = {**caller.headers(Operation.FETCH, {"docId": "a"}), "Accept-Encoding": "identity"}
        answer = caller.call(Operation.FETCH, headers=headers)
        assert int(answer.headers["content-length"]) == len(answer.content)

    @pytest.mark.parametrize(
        ("offer", "zipped"),
        [("gzip,deflate", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("identity", False)],
    )
    def test_gzip_is_used_when_it_is_asked_for(self, caller: Caller, offer: str, zipped: bool) -> None:
        headers = {**caller.headers(Operation.RECEIVED, EDOC), "Accept-Encoding": offer}
        with caller.http.stream("POST", f"{caller.endpoint}/getReceivedEdocList", headers=headers) as answer:
            raw = b"".join(answer.iter_raw())
        body = gzip.decompress(raw) if zipped else raw
        assert json.loads(body)["status"] == "OK"


def test_marks_are_taken_off_every_vietnamese_letter() -> None:
    assert unaccented("Đường ưỡn ẹo, Nguyễn Thị Ỷ") == "Duong uon eo, Nguyen Thi Y"


def test_nothing_of_a_request_stays_behind(tmp_path: Path, caller: Caller, backend: Backend) -> None:
    caller.send(PACKET, "H99")
    assert not list((backend.blobs.root / "unfinished").iterdir())
