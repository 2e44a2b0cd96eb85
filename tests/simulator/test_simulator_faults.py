"""Each fault as a client meets it, over real HTTP."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
import pytest
from axis_requests import EDOC, Caller
from simulated import Running, document, running

from gateway.axis.vxp import wire
from gateway.axis.vxp.wire import Operation
from gateway.simulator import faults
from gateway.simulator.control import with_control
from gateway.simulator.fault_kinds import FaultKind, ReadyAnswer
from gateway.simulator.fault_list import FAULTS


@pytest.fixture
def axis(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "axis") as started:
        yield started


PACKET = document("H97")


def stored(axis: Running) -> int:
    count: int = axis.ledger()["counts"]["packets"]
    return count


def test_html_502_is_a_proxys_page_and_once_is_once(axis: Running) -> None:
    axis.fault("html-502=once")
    first, second = (axis.other.call(Operation.RECEIVED, EDOC) for _ in range(2))
    assert (first.status_code, first.headers["content-type"]) == (502, "text/html")
    assert second.json()["status"] == "OK"


def test_a_fault_for_one_operation_leaves_the_others_alone(axis: Running) -> None:
    axis.fault("html-502@sendEdoc=2times")
    assert axis.other.listed() == []
    assert axis.sender.http.post(f"{axis.endpoint}/sendEdoc").status_code == 502


def test_drop_before_store_cuts_the_connection_and_stores_nothing(axis: Running) -> None:
    axis.fault("drop-before-store=once")
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        axis.sender.send(PACKET, "H99")
    assert stored(axis) == 0
    assert axis.sender.send(PACKET, "H99")["status"] == "OK"


def test_drop_before_store_can_cut_in_the_middle_of_the_body(axis: Running) -> None:
    axis.fault("drop-before-store=100000B,once")
    packet = document("H97") + b" " * 50_000_000
    with pytest.raises(httpx2.TransportError):
        axis.sender.send(packet, "H99")
    assert stored(axis) == 0


def test_drop_after_store_stores_and_cuts_the_connection_so_a_second_try_makes_two(axis: Running) -> None:
    axis.fault("drop-after-store=once")
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        axis.sender.send(PACKET, "H99")
    assert stored(axis) == 1
    axis.sender.send(PACKET, "H99")
    assert len(axis.other.listed()) == 2


def test_drop_after_store_of_an_acknowledgement_keeps_it(axis: Running) -> None:
    axis.sender.send(PACKET, "H99")
    doc_id = axis.other.listed()[0]["docId"]
    axis.fault("drop-after-store@updateStatus=once")
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        axis.other.acknowledge(doc_id)
    assert axis.other.listed() == []


def test_slow_does_what_was_asked_and_answers_late(axis: Running) -> None:
    axis.fault("slow@sendEdoc=300ms,once")
    before = time.monotonic()
    assert axis.sender.send(PACKET, "H99")["status"] == "OK"
    assert time.monotonic() - before >= 0.3


@pytest.mark.parametrize("spec", ["slow@sendEdoc=60s", "hang@sendEdoc"])
def test_a_client_that_gives_up_has_sent_all_the_same(axis: Running, spec: str) -> None:
    axis.fault(spec)
    axis.sender.http.timeout = httpx2.Timeout(0.5)
    with pytest.raises(httpx2.ReadTimeout):
        axis.sender.send(PACKET, "H99")
    assert stored(axis) == 1


def test_slow_delays_the_page_of_html_502_too(axis: Running) -> None:
    axis.fault("html-502")
    axis.fault("slow=200ms")
    before = time.monotonic()
    assert axis.other.call(Operation.AGENCIES).status_code == 502
    assert time.monotonic() - before >= 0.2


def test_fail_without_docid_stores_nothing_and_loses_the_field(axis: Running) -> None:
    axis.fault("fail-without-docid=once")
    answer = axis.sender.send(PACKET, "H99")
    assert answer == {"status": "FAIL", "ErrorCode": "20", "ErrorDesc": "Loi he thong"}
    assert stored(axis) == 0


def test_relist_acked_lists_what_was_acknowledged_as_if_it_were_new(axis: Running) -> None:
    for _ in range(2):
        axis.sender.send(PACKET, "H99")
    first, second = (row["docId"] for row in axis.other.listed())
    axis.other.acknowledge(first)
    axis.fault("relist-acked=once")
    assert [(row["docId"], row["status"]) for row in axis.other.listed()] == [(first, "initial"), (second, "initial")]
    assert axis.other.acknowledge(first)["status"] == "OK"
    assert [row["docId"] for row in axis.other.listed()] == [second]


def test_duplicate_delivery_gives_each_recipient_more_than_one_item(axis: Running) -> None:
    axis.fault("duplicate-delivery=once,2copies")
    sent = axis.sender.send(document("H97", "H98.01"), "H99")["DocId"]
    assert len({row["docId"] for row in axis.other.listed()}) == 3
    rows = axis.sender.json(Operation.SENT, {**EDOC, "docId": sent})["data"]
    assert len(rows) == 6


def test_docid_null_is_there_and_null(axis: Running) -> None:
    axis.fault("docid-null=once")
    answer = axis.sender.send(PACKET, "H99")
    assert (answer["status"], answer["DocId"]) == ("OK", None)


def test_http_401_json_says_fail_with_another_status(axis: Running) -> None:
    axis.fault("http-401-json=once")
    answer = axis.other.call(Operation.RECEIVED, EDOC)
    assert (answer.status_code, answer.json()["ErrorCode"]) == (401, "15")


@pytest.mark.parametrize(
    ("spec", "begins"),
    [("empty-200", b""), ("bom", b"\xef\xbb\xbf{"), ("numeric-errorcode", b'{"status": "OK", "ErrorCode": 0')],
)
def test_the_answer_can_be_bent(axis: Running, spec: str, begins: bytes) -> None:
    axis.fault(f"{spec}=once")
    answer = axis.other.call(Operation.RECEIVED, EDOC)
    assert answer.status_code == 200
    assert answer.content[: len(begins) or None] == begins


def test_a_new_fault_is_one_entry(axis: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(answer: ReadyAnswer) -> ReadyAnswer:
        return ReadyAnswer(answer.http_status, answer.content_type, answer.body[: len(answer.body) // 2])

    entry = FaultKind(name="half-an-answer", says="half of it", answer=half)
    monkeypatch.setattr(faults, "FAULTS", MappingProxyType({**FAULTS, entry.name: entry}))
    axis.fault("half-an-answer@getAgenciesList")
    assert not axis.other.call(Operation.AGENCIES).content.endswith(b"}")


class TestSwitches:
    def test_faults_say_how_often_they_struck_and_are_switched_off(self, axis: Running) -> None:
        axis.fault("html-502=2times")
        axis.other.call(Operation.AGENCIES)
        address = f"{axis.endpoint}/_sim/faults"
        assert axis.http.get(address).json() == {"faults": [{"fault": "html-502=2times", "struck": 1}]}
        assert axis.http.delete(address).json() == {"faults": []}
        assert axis.other.call(Operation.AGENCIES).status_code == 200

    def test_a_fault_that_does_not_exist_is_refused(self, axis: Running) -> None:
        answer = axis.fault("html-503")
        assert (answer.status_code, answer.json()["code"]) == (400, "simulator.fault")

    def test_control_addresses_have_no_faults(self, axis: Running) -> None:
        axis.fault("html-502")
        assert axis.http.get(f"{axis.endpoint}/_sim/ledger").status_code == 200

    async def test_control_is_for_loopback_only(self, axis: Running) -> None:
        asked: list[str] = []

        async def inner(scope: Any, receive: Any, send: Any) -> None:
            asked.append(scope["path"])

        app = with_control(inner, axis.parts.axis)

        async def nothing(message: Any = None) -> Any:
            return {}

        scope = {"type": "http", "path": "/_sim/ledger", "client": ("10.1.2.3", 5000)}
        await app(scope, nothing, nothing)
        assert asked == ["/_sim/ledger"]


def test_connections_that_are_cut_at_random_leave_a_whole_ledger(axis: Running) -> None:
    axis.fault("drop-after-store=30%")
    axis.fault("drop-before-store=30%")

    def send_ten() -> None:
        with httpx2.Client(timeout=20, trust_env=False) as http:
            sender = Caller(axis.endpoint, axis.sender.system_id, axis.sender.secret, http)
            for _ in range(10):
                try:
                    sender.send(PACKET, "H99", crlf=wire.CRLF)
                except httpx2.TransportError:
                    continue

    threads = [threading.Thread(target=send_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    axis.http.delete(f"{axis.endpoint}/_sim/faults")
    ledger = axis.ledger()
    assert 0 < ledger["counts"]["packets"] < 40
    assert len(axis.other.listed()) == ledger["counts"]["items"] == ledger["counts"]["packets"]
