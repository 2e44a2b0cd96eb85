"""The rules of the proof can fail: an account in order breaks none, and each kind of harm is named by its rule."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.soak.books import Books
from bench.soak.cast import Json
from bench.soak.framing import Exchange, RequestReader
from bench.soak.hooks import Hooks, Told
from bench.soak.ledger import Ledger, Posting, SentFile
from bench.soak.storm import Death
from bench.soak.systems import DocumentSystem
from bench.soak.verify import Evidence, verify
from bench.soak.wire import Wire, was_refused
from gateway.axis.vxp.wire import hash_file_as_sdk

FILE = SentFile(name="Công văn 1.pdf", size=3, sha256="0" * 64)
DOCUMENT, STATUS = "a" * 64, "b" * 64
STORED = b'HTTP/1.1 200 OK\r\n\r\n{"status":"OK","ErrorCode":"0","DocId":"1"}'
REFUSED = b'HTTP/1.1 401 X\r\n\r\n{"status":"FAIL","ErrorCode":"15"}'


def _exchange(sha256: str, began: float, answer: bytes = STORED) -> Exchange:
    one = Exchange(agency="a", operation="sendEdoc", hash_file=hash_file_as_sdk(sha256), length=5, began=began)
    one.seen, one.completed, one.ended = 5, began, began
    one.answer += answer
    return one


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Evidence]:
    """One document from H99 to H98 that went as it should, 01 and 02 with it."""
    found = _in_order(tmp_path)
    yield found
    found.ledger.close()


def _in_order(folder: Path) -> Evidence:
    ledger = Ledger(folder / "ledger.jsonl")
    posting = Posting(
        number=1, sender="H99", recipients=("H98",), priority=0, business="0", of=None, subject="một", files=(FILE,)
    )
    ledger.add(posting)
    ledger.posting(posting)
    ledger.accepted(posting, "/v1/documents/out-1", "H99,2026/01/15,1/X")
    receipt = ledger.received(posting, "H98", "/v1/documents/in-1", (FILE,))
    ledger.handing(posting, receipt)
    receipt.confirmed = True
    ledger.reported(posting, receipt, "02")
    receipt.all_said = True
    for code in ("01", "02"):
        ledger.told("out-1", "H98", code)
    wire = Wire(0, 0)
    hash_file = hash_file_as_sdk(DOCUMENT)
    wire.sends["a", hash_file].append(_exchange(DOCUMENT, 1.0))
    wire.sends["b", hash_file_as_sdk(STATUS)].append(replace(_exchange(STATUS, 4e9), agency="b"))
    packet = {"system_id": "00.99.W00", "sha256": DOCUMENT, "kind": "edoc", "document_id": posting.document_id}
    status = {"system_id": "00.98.W00", "sha256": STATUS, "kind": "status", "document_id": posting.document_id}
    item = {"doc_id": "item-1", "system_id": "00.98.W00", "kind": "edoc", "to_code": "H98", "state": "done"}
    axis: dict[str, list[Json]] = {
        "packets": [packet | {"status_code": None}, status | {"status_code": "01", "from_code": "H98"}],
        "items": [item],
        "acks": [{"doc_id": "item-1"}],
    }
    hooks = Hooks(ledger, 0)
    hooks.told["H98"] = Told(seqs={1})
    system = cast(DocumentSystem, SimpleNamespace(seqs={1}, noticed={}))
    return Evidence(
        ledger=ledger,
        wire=wire,
        axis=axis,
        books={"a": _books_of_a(), "b": _books_of_b()},
        feeds={
            "a": [{"seq": 1, "kind": "document.sent", "unit_code": "H99", "data": {}}],
            "b": [{"seq": 1, "kind": "document.arrived", "unit_code": "H98", "data": {}}],
        },
        shown={1: {"recipients": [_shown("accepted", "02")], "state": "sent", "timeline": []}},
        systems={"a": system, "b": system},
        hooks=hooks,
        garbage=frozenset(),
        deaths=[Death(what="a-worker", at=1.0, held=1, answering=1.0, taken_over=6.0)],
    )


def _shown(transport: str, code: str) -> Json:
    return {"code": "H98", "transport_state": transport, "processing_state": {"code": code}}


def _dispatch(**more: object) -> Json:
    row = {"id": "d-1", "message_type": "edoc", "document_id": "out-1", "state": "accepted", "reason": None}
    return {**row, "sha256": DOCUMENT, **more}


def _books_of_a() -> Books:
    document = {"id": "out-1", "direction": "out", "unit_code": "H99", "subject": "một"}
    return Books(documents=[document], dispatches=[_dispatch()], arrivals=[], deliveries=[], decisions=[], jobs=[])


def _books_of_b() -> Books:
    return Books(
        documents=[{"id": "in-1", "direction": "in", "unit_code": "H98", "subject": "một"}],
        dispatches=[_dispatch(id="d-2", message_type="status", document_id="in-1", sha256=STATUS)],
        arrivals=[{"doc_id": "item-1", "message_type": "edoc", "state": "acknowledged", "documents": 1}],
        deliveries=[{"document_id": "in-1", "state": "handed_over"}],
        decisions=[],
        jobs=[],
    )


def _broken(evidence: Evidence) -> set[str]:
    return {rule for rule, found in verify(evidence).items() if found}


def test_an_account_in_order_breaks_no_rule(evidence: Evidence) -> None:
    assert [one for found in verify(evidence).values() for one in found] == []


def _never_arrives(found: Evidence) -> None:
    found.ledger.postings[0].receipts["H98"].arrived = None


def _other_bytes(found: Evidence) -> None:
    found.ledger.received(found.ledger.postings[0], "H98", "/v1/documents/in-1", ())


def _lost_row(found: Evidence) -> None:
    found.books["a"].documents.clear()


def _acknowledged_and_lost(found: Evidence) -> None:
    found.books["b"].arrivals[0]["documents"] = 0


def _never_acknowledged(found: Evidence) -> None:
    found.axis["items"][0]["state"] = "initial"


def _imported_twice(found: Evidence) -> None:
    found.books["b"].documents.append(dict(found.books["b"].documents[0]))


def _left_twice(found: Evidence) -> None:
    found.wire.sends["a", hash_file_as_sdk(DOCUMENT)].append(_exchange(DOCUMENT, 2.0, b""))


def _stored_twice(found: Evidence) -> None:
    found.axis["packets"].append(dict(found.axis["packets"][0]))


def _believed_and_not_there(found: Evidence) -> None:
    found.axis["packets"].pop(0)


def _nobody_decided(found: Evidence) -> None:
    found.books["a"].decisions.append({"target": "d-1", "action": "settle", "reason": "arrived: x"})


def _early_01(found: Evidence) -> None:
    found.wire.sends["b", hash_file_as_sdk(STATUS)][0].began = 1.0


def _status_lost(found: Evidence) -> None:
    found.ledger.postings[0].receipts["H98"].seen.discard("02")


def _wrong_state(found: Evidence) -> None:
    found.shown[1]["recipients"] = [_shown("accepted", "01")]


def _event_missed(found: Evidence) -> None:
    found.feeds["b"].append({"seq": 2, "kind": "status.sent", "unit_code": "H98", "data": {}})


def _never_taken_over(found: Evidence) -> None:
    found.deaths[0].taken_over = None


def _job_left(found: Evidence) -> None:
    found.books["a"].jobs.append({"kind": "dispatch", "state": "dead"})


@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        (_never_arrives, "every document reached"),
        (_other_bytes, "nothing wrong was seen"),
        (_lost_row, "nothing was promised"),
        (_acknowledged_and_lost, "nothing was acknowledged"),
        (_never_acknowledged, "nothing was acknowledged"),
        (_imported_twice, "nothing was imported twice"),
        (_left_twice, "no packet left again"),
        (_stored_twice, "no packet left again"),
        (_believed_and_not_there, "no packet left again"),
        (_nobody_decided, "the desk holds"),
        (_early_01, "no 01 before"),
        (_status_lost, "every status reached"),
        (_wrong_state, "every status reached"),
        (_event_missed, "every event was told"),
        (_never_taken_over, "every death"),
        (_job_left, "no job and no dispatch"),
    ],
)
def test_each_harm_breaks_its_rule_and_no_other(
    harm: Callable[[Evidence], None], rule: str, evidence: Evidence
) -> None:
    harm(evidence)
    (broken,) = _broken(evidence)
    assert broken.startswith(rule)


def test_what_a_person_had_sent_again_may_have_left_twice(evidence: Evidence) -> None:
    _left_twice(evidence)
    evidence.ledger.decided("d-1", "send_again", "x")
    evidence.books["a"].decisions.append({"target": "d-1", "action": "settle", "reason": "send_again: x"})
    assert _broken(evidence) == set()


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (REFUSED, True),
        (STORED, False),
        (b"", False),
        (REFUSED[:-4], False),
        (b'HTTP/1.1 500 X\r\n\r\n{"status":"FAIL","ErrorCode":"20"}', False),
        (b'HTTP/1.1 502 X\r\n\r\n{"status":"FAIL","ErrorCode":"10"}', False),
    ],
)
def test_only_a_whole_refusal_lets_the_same_leave_again(answer: bytes, refused: bool) -> None:
    assert was_refused(_exchange(DOCUMENT, 1.0, answer)) is refused


@given(bodies=st.lists(st.binary(max_size=60), max_size=4), cuts=st.lists(st.integers(1, 50), min_size=1, max_size=9))
def test_requests_are_told_apart_however_their_bytes_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(
        b"POST /x/sendEdoc HTTP/1.1\r\nXroadVnpt-Hash-File: h%d\r\nContent-Length: %d\r\n\r\n%s" % (at, len(body), body)
        for at, body in enumerate(bodies)
    )
    reader, seen, at = RequestReader("a"), list[Exchange](), 0
    while at < len(stream):
        piece = stream[at : at + cuts[at % len(cuts)]]
        at += len(piece)
        while piece:
            exchange, taken = reader.feed(piece, 1.0)
            assert taken > 0
            if exchange is not None and not (seen and seen[-1] is exchange):
                seen.append(exchange)
            piece = piece[taken:]
    assert [(one.hash_file, one.length, one.complete) for one in seen] == [
        (f"h{number}", len(body), True) for number, body in enumerate(bodies)
    ]
