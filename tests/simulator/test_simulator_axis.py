"""What the simulated axis does with packets, over real HTTP."""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from axis_requests import EDOC, NOW, STATUS, Caller
from clocks import FakeClock
from simulated import DOCUMENT_ID, Running, document, file, running, status

from gateway.axis.vxp.wire import Operation
from gateway.edxml.limits import Limits
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.reader import Profile, ReadPacket, read_packet
from gateway.store import FolderBlobs

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
OBJECT_ID = re.compile(r"[0-9a-f]{24}")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def axis(tmp_path: Path, clock: FakeClock) -> Iterator[Running]:
    with running(tmp_path / "axis", clock) as started:
        yield started


def fetched(caller: Caller, doc_id: str) -> bytes:
    answer = caller.json(Operation.FETCH, {"docId": doc_id}, b"{}")
    assert answer["ErrorCode"] == "0"
    return base64.b64decode(answer["data"])


def read(packet: bytes, folder: Path) -> ReadPacket:
    return read_packet(BytesIO(packet), FolderBlobs(folder / "read"), Limits(), Profile.LENIENT)


class TestDelivery:
    def test_two_recipients_get_two_guids_and_the_sender_an_object_id(self, axis: Running) -> None:
        sent = axis.sender.send(document("H98.01", "H97"), "H99")
        first, second = axis.receiver.listed(), axis.other.listed()
        assert OBJECT_ID.fullmatch(sent["DocId"])
        assert [len(first), len(second)] == [1, 1]
        assert all(GUID.fullmatch(row["docId"]) for row in (*first, *second))
        assert first[0]["docId"] != second[0]["docId"]

    def test_an_item_says_whom_it_is_from_and_when_it_came(self, axis: Running) -> None:
        axis.sender.send(document("H98.01"), "H99")
        row = axis.receiver.listed()[0]
        del row["docId"]
        assert row == {
            "serviceType": "eDoc",
            "messageType": "edoc",
            "created_time": "2026-11-22 09:00:00",
            "updated_time": "2026-11-22 09:00:00",
            "from": "H99",
            "to": "H98.01",
            "status": "initial",
            "status_desc": "",
        }

    def test_two_units_of_one_system_get_two_items(self, axis: Running) -> None:
        axis.other.send(document("H99", "H99.07", from_code="H97"), "H97")
        assert [row["to"] for row in axis.sender.listed()] == ["H99", "H99.07"]

    def test_a_unit_addressed_by_both_its_codes_gets_one_item(self, axis: Running) -> None:
        axis.sender.send(document("000.00.12.H98", "H98.01"), "H99")
        assert [row["to"] for row in axis.receiver.listed()] == ["000.00.12.H98"]

    def test_the_same_packet_twice_is_delivered_twice(self, axis: Running) -> None:
        packet = document("H98.01")
        object_ids = {axis.sender.send(packet, "H99")["DocId"] for _ in range(2)}
        assert (len(object_ids), len(axis.receiver.listed())) == (2, 2)

    def test_the_to_header_restricts_the_recipients(self, axis: Running) -> None:
        axis.sender.send(document("H98.01", "H97"), "H99", to=["H97"])
        assert (len(axis.receiver.listed()), len(axis.other.listed())) == (0, 1)

    def test_the_system_id_may_stand_for_the_sender(self, axis: Running) -> None:
        assert axis.sender.send(document("H97"), "00.99.H99")["status"] == "OK"

    def test_dates_bound_the_list(self, axis: Running, clock: FakeClock) -> None:
        for _ in range(3):
            axis.sender.send(document("H97"), "H99")
            clock.advance(3600)
        params = {**EDOC, "fromDate": "22/11/2026 09:30:00", "toDate": "22/11/2026 10:30:00"}
        rows = axis.other.json(Operation.RECEIVED, params)["data"]
        assert [row["created_time"] for row in rows] == ["2026-11-22 10:00:00"]

    def test_ten_thousand_items_are_listed_in_one_answer(self, axis: Running) -> None:
        axis.fault("duplicate-delivery=once,10000copies")
        axis.sender.send(document("H97"), "H99")
        rows = axis.other.listed()
        assert len({row["docId"] for row in rows}) == 10_001 == axis.counted(axis.other)


class TestStatusPackets:
    def test_a_status_goes_to_whom_it_answers(self, axis: Running) -> None:
        answer = axis.receiver.send(status("03", to="H99"), "H98.01", STATUS)
        rows = axis.sender.listed(STATUS)
        assert answer["status"] == "OK"
        assert [(row["from"], row["to"], row["messageType"]) for row in rows] == [("H98.01", "H99", "status")]

    def test_a_status_is_not_among_the_documents(self, axis: Running) -> None:
        axis.receiver.send(status(), "H98.01", STATUS)
        counts = [axis.sender.json(each)["count"] for each in (Operation.COUNT_EDOC, Operation.COUNT_STATUS)]
        assert (axis.sender.listed(), counts) == ([], [0, 1])

    def test_a_status_arrives_with_its_code_and_document(self, axis: Running, tmp_path: Path) -> None:
        axis.receiver.send(status("06"), "H98.01", STATUS)
        packet = read(fetched(axis.sender, axis.sender.listed(STATUS)[0]["docId"]), tmp_path).packet
        assert isinstance(packet, StatusPacket)
        assert packet.message_header.status_code == "06"
        assert packet.message_header.response_for.document_id == DOCUMENT_ID

    def test_a_status_sent_as_a_document_is_refused(self, axis: Running) -> None:
        assert axis.receiver.send(status(), "H98.01", EDOC)["ErrorCode"] == "22"

    def test_a_document_sent_as_a_status_is_refused(self, axis: Running) -> None:
        assert axis.sender.send(document("H97"), "H99", STATUS)["ErrorCode"] == "22"


class TestRefusals:
    def test_a_wrong_from_is_refused_in_the_vendors_own_sentence(self, axis: Running) -> None:
        answer = axis.sender.send(document("H97", from_code="H98.01"), "H98.01")
        assert answer["ErrorDesc"] == "Don vi gui H98.01 khong dung voi ma da dang ky: 00.99.H99"
        assert OBJECT_ID.fullmatch(answer["DocId"])

    def test_a_sender_in_the_packet_who_is_not_registered_is_refused_with_19(self, axis: Running) -> None:
        assert axis.sender.send(document("H97", from_code="H11"), "H99")["ErrorCode"] == "19"

    def test_one_unknown_receiver_refuses_the_whole_packet_with_18(self, axis: Running) -> None:
        answer = axis.sender.send(document("H97", "H11"), "H99")
        assert (answer["ErrorCode"], answer["ErrorDesc"]) == ("18", "Don vi nhan H11 khong ton tai")
        assert (axis.other.listed(), axis.ledger()["packets"]) == ([], [])

    def test_a_to_header_beyond_the_packet_is_refused_with_18(self, axis: Running) -> None:
        assert axis.sender.send(document("H97"), "H99", to=["H98.01"])["ErrorCode"] == "18"

    def test_a_locked_receiver_is_refused_with_23_until_it_is_unlocked(self, axis: Running) -> None:
        def lock(locked: bool) -> None:
            axis.http.post(f"{axis.endpoint}/_sim/units", json={"code": "H97", "locked": locked})

        lock(True)
        assert axis.sender.send(document("H97"), "H99")["ErrorCode"] == "23"
        lock(False)
        assert axis.sender.send(document("H97"), "H99")["ErrorCode"] == "0"

    @pytest.mark.parametrize("packet", [b"", b"<edXML", b"<html/>", b"%PDF-1.4", b"<!DOCTYPE a><edXML/>"])
    def test_what_is_no_packet_is_refused_with_22(self, axis: Running, packet: bytes) -> None:
        assert axis.sender.send(packet, "H99")["ErrorCode"] == "22"

    def test_a_broken_attachment_is_refused_with_10(self, axis: Running) -> None:
        packet = document("H97", files=[file("a.pdf", b"%PDF-1.4 mau")])
        broken = packet.replace(base64.b64encode(b"%PDF-1.4 mau"), b"****")
        assert axis.sender.send(broken, "H99")["ErrorCode"] == "10"

    def test_a_refused_packet_leaves_no_file(self, axis: Running, tmp_path: Path) -> None:
        axis.sender.send(document("H11", files=[file("a.pdf")]), "H99")
        axis.sender.send(b"<edXML", "H99")
        assert not list((tmp_path / "axis" / "unfinished").iterdir())


class TestTransportStates:
    @pytest.mark.parametrize(("state", "stays"), [("done", 0), ("fail", 0), ("processing", 1)])
    def test_done_and_fail_leave_the_list_and_processing_stays(self, axis: Running, state: str, stays: int) -> None:
        axis.sender.send(document("H97"), "H99")
        doc_id = axis.other.listed()[0]["docId"]
        assert axis.other.acknowledge(doc_id, state)["status"] == "OK"
        assert [row["status"] for row in axis.other.listed()] == ["processing"] * stays

    def test_the_sender_sees_the_state_of_each_recipient(self, axis: Running, clock: FakeClock) -> None:
        sent = axis.sender.send(document("H98.01", "H97"), "H99")["DocId"]
        clock.advance(60)
        axis.other.acknowledge(axis.other.listed()[0]["docId"], "done")
        rows = axis.sender.json(Operation.SENT, {**EDOC, "docId": sent})["data"]
        assert [(row["toCode"], row["receiveStatus"], row.get("receivedTime")) for row in rows] == [
            ("H98.01", "initial", None),
            ("H97", "done", "2026-11-22 09:01:00"),
        ]

    def test_a_sent_row_names_the_document(self, axis: Running) -> None:
        sent = axis.sender.send(document("H97"), "H99")["DocId"]
        row = axis.sender.json(Operation.SENT, {**EDOC, "docId": sent})["data"][0]
        assert (row["notation"], row["title"], row["senderDocId"]) == (
            "1520/UBND-KT",
            "V/v thử nghiệm liên thông",
            sent,
        )

    def test_what_was_sent_is_listed_by_date_too(self, axis: Running, clock: FakeClock) -> None:
        axis.sender.send(document("H97"), "H99")
        clock.advance(timedelta(days=2).total_seconds())
        later = axis.sender.send(document("H97"), "H99")["DocId"]
        rows = axis.sender.json(Operation.SENT, {**EDOC, "fromDate": "23/11/2026 00:00:00"})["data"]
        assert [row["senderDocId"] for row in rows] == [later]

    def test_another_systems_sent_list_is_empty(self, axis: Running) -> None:
        sent = axis.sender.send(document("H97"), "H99")["DocId"]
        assert axis.other.json(Operation.SENT, {**EDOC, "docId": sent})["data"] == []

    def test_a_second_acknowledgement_is_taken_and_changes_nothing(self, axis: Running) -> None:
        axis.sender.send(document("H97"), "H99")
        doc_id = axis.other.listed()[0]["docId"]
        answers = [axis.other.acknowledge(doc_id, state)["status"] for state in ("done", "fail", "processing")]
        ledger = axis.ledger()
        assert (answers, ledger["counts"]["by_state"]) == (["OK"] * 3, {"done": 1})
        assert [ack["state"] for ack in ledger["acks"]] == ["done", "fail", "processing"]

    def test_an_acknowledged_packet_can_still_be_fetched(self, axis: Running) -> None:
        axis.sender.send(document("H97"), "H99")
        doc_id = axis.other.listed()[0]["docId"]
        axis.other.acknowledge(doc_id)
        assert fetched(axis.other, doc_id).startswith(b"<?xml")

    @pytest.mark.parametrize("operation", [Operation.FETCH, Operation.UPDATE_STATUS])
    def test_another_systems_item_is_not_found(self, axis: Running, operation: Operation) -> None:
        axis.sender.send(document("H97"), "H99")
        doc_id = axis.other.listed()[0]["docId"]
        answer = axis.receiver.json(operation, {"docId": doc_id, "status": "done"}, b"{}")
        assert answer["ErrorCode"] == "10"


class TestRewriting:
    def delivered(self, axis: Running, packet: bytes) -> bytes:
        axis.sender.send(packet, "H99")
        return fetched(axis.other, axis.other.listed()[-1]["docId"])

    def packet_of(self, delivered: bytes, folder: Path) -> DocumentPacket:
        packet = read(delivered, folder).packet
        assert isinstance(packet, DocumentPacket)
        return packet

    def test_the_centres_hop_is_added_a_second_after_receipt(self, axis: Running, tmp_path: Path) -> None:
        packet = self.packet_of(self.delivered(axis, document("H97")), tmp_path)
        hops = [(hop.organ_id, hop.timestamp) for hop in packet.trace_header_list.trace_headers]
        assert hops == [("H99", NOW), ("001.00.20.TT2", NOW + timedelta(seconds=1))]

    def test_no_hash_of_the_packet_survives(self, axis: Running) -> None:
        packet = document("H97", files=[file("a.csv", b"a;b")])
        assert hashlib.sha256(self.delivered(axis, packet)).digest() != hashlib.sha256(packet).digest()

    def test_every_recipient_sees_all_recipients(self, axis: Running, tmp_path: Path) -> None:
        packet = self.packet_of(self.delivered(axis, document("H98.01", "H97")), tmp_path)
        assert [organ.organ_id for organ in packet.message_header.to] == ["H98.01", "H97"]

    def test_defaults_appear_and_empties_go(self, axis: Running, tmp_path: Path) -> None:
        sent = document("H97").replace(b"<edXML:SteeringType>0</edXML:SteeringType>", b"")
        sent = sent.replace(b"</edXML:OrganName>", b"</edXML:OrganName><edXML:Fax></edXML:Fax>")
        delivered = self.delivered(axis, sent)
        assert b"<edXML:SteeringType>0</edXML:SteeringType>" in delivered
        assert b"Fax" not in delivered

    def test_files_arrive_with_name_and_bytes_in_new_zip_entries(self, axis: Running, tmp_path: Path) -> None:
        files = [file("Phụ lục.csv", b"a;b\n" * 100), file("a.pdf", content_id="30000000-0000-4000-8000-000000000003")]
        delivered = self.delivered(axis, document("H97", files=files))
        got = read(delivered, tmp_path)
        assert [(each.attachment_name, contents(each)) for each in got.attachments] == [
            ("Phụ lục.csv", b"a;b\n" * 100),
            ("a.pdf", b"%PDF-1.4 mau"),
        ]
        assert b"20000000-0000.csv" not in zip_inside(delivered)

    def test_a_content_id_gains_a_prefix(self, axis: Running) -> None:
        delivered = self.delivered(axis, document("H97", files=[file("a.pdf")]))
        assert b"<ContentId>cid:cid:10000000-0000-4000-8000-000000000001</ContentId>" in delivered


def contents(attachment: Any) -> bytes:
    with attachment.content.reopen() as stream:
        data: bytes = stream.read()
    attachment.content.discard()
    return data


def zip_inside(packet: bytes) -> bytes:
    """The first attachment that is a zip, decoded."""
    match = re.search(rb">(UEsDB[^<]*)<", packet)
    assert match is not None
    return base64.b64decode(match[1])


class TestDirectory:
    def test_all_units_of_all_systems_are_listed_with_names(self, axis: Running) -> None:
        rows = axis.other.json(Operation.AGENCIES)["data"]
        assert [(row["code"], row["oldCode"]) for row in rows] == [
            ("H99", ""),
            ("H99.07", ""),
            ("H98.01", "000.00.12.H98"),
            ("H97", ""),
        ]
        assert rows[0]["name"] == "Đơn vị H99"

    def test_the_directory_of_decision_20_is_by_level(self, axis: Running) -> None:
        rows = axis.other.json(Operation.AGENCIES_QD20, {"level": "2"})["data"]
        assert [(row["code"], row.get("code102")) for row in rows] == [("H99.07", None), ("H98.01", "000.00.12.H98")]

    def test_a_registered_unit_receives_and_a_removed_one_does_not(self, axis: Running) -> None:
        body = '{"id":"","pcode":"00.97.H97","code":"H97.05","name":"Sở Mẫu","mail":"so@example.test"}'.encode()
        assert axis.other.json(Operation.REGISTER, body=body)["status"] == "OK"
        assert axis.sender.send(document("H97.05"), "H99")["ErrorCode"] == "0"
        assert axis.other.json(Operation.DELETE, {"AgencyCode": "H97.05"}, b"{}")["status"] == "OK"
        assert axis.sender.send(document("H97.05"), "H99")["ErrorCode"] == "18"
        rows = axis.other.json(Operation.UNITS)["data"]
        assert (rows[-1]["code"], rows[-1]["centerCode"], rows[-1]["deleted"]) == ("H97.05", "00.97.H97", True)


class TestLedger:
    def test_it_holds_packets_items_and_acknowledgements(self, axis: Running) -> None:
        packet = document("H98.01", "H97")
        sent = axis.sender.send(packet, "H99")["DocId"]
        axis.other.acknowledge(axis.other.listed()[0]["docId"])
        seen = axis.ledger()
        assert seen["packets"] == [
            {
                "object_id": sent,
                "system_id": "00.99.H99",
                "kind": "edoc",
                "from_header": "H99",
                "from_code": "H99",
                "to_codes": ["H98.01", "H97"],
                "document_id": DOCUMENT_ID,
                "status_code": None,
                "sha256": hashlib.sha256(packet).hexdigest(),
                "size": len(packet),
                "time": "2026-11-22T09:00:00+07:00",
            }
        ]
        assert {item["object_id"] for item in seen["items"]} == {sent}
        assert seen["counts"] == {"packets": 1, "items": 2, "acks": 1, "by_state": {"initial": 1, "done": 1}}

    def test_an_unknown_unit_cannot_be_locked(self, axis: Running) -> None:
        answer = axis.http.post(f"{axis.endpoint}/_sim/units", json={"code": "H11", "locked": True})
        assert answer.status_code == 404

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"code":"H97"}', b"x" * 10_000])
    def test_a_control_request_of_another_shape_is_refused(self, axis: Running, body: bytes) -> None:
        assert axis.http.post(f"{axis.endpoint}/_sim/units", content=body).status_code == 400
