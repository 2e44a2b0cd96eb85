"""The normal form: the same for every way of writing one meaning, another for another meaning."""

import hashlib
import json
from datetime import date

import pytest
from edxml_strategies import (
    PLAIN,
    PLAIN_STATUS,
    changed,
    digests,
    documents,
    file_sets,
    hops,
    statuses,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.edxml import layout
from gateway.edxml.model import DocumentPacket, Organ, StatusPacket, TraceHeader, Wire
from gateway.edxml.normal import (
    QD20_MARKER,
    FileDigest,
    meaning_hash,
    normal_document,
    normal_integer,
    normal_status,
    normal_text,
    same_meaning,
)
from gateway.edxml.survival import survive
from gateway.edxml.writer import FileToSend, completed

H = "message_header."
FILE = FileDigest(name="a.pdf", description="Văn bản chính", size=3, sha256=hashlib.sha256(b"abc").hexdigest())


def test_normal_form_is_canonical_json_of_texts() -> None:
    small = DocumentPacket().model_copy(
        update={"message_header": PLAIN.message_header.model_copy(update={"to": (), "signer_info": None})}
    )
    assert normal_document(small, [FILE]).header.decode() == (
        '{"part":"header","profile":"urn:lienthong:packet-signature:1","v":{'
        '"Attachment":[{"AttachmentName":["a.pdf"],"Description":["Văn bản chính"],"Position":["1"],'
        '"Sha256":["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],"Size":["3"]}],'
        '"MessageHeader":[{"Code":[{"CodeNotation":["UBND-KT"],"CodeNumber":["1520"]}],'
        '"DocumentId":["H99,2025/03/05,1520/UBND-KT"],"DocumentType":[{"TypeName":["Công văn"]}],'
        '"From":[{"OrganId":["H99"],"OrganName":["UBND tỉnh Giả Định"]}],'
        '"PromulgationInfo":[{"PromulgationDate":["2025/03/05"]}],"Subject":["V/v thử nghiệm liên thông"]}]}}'
    )


def test_a_packet_without_a_business_block_has_no_business_part() -> None:
    assert normal_document(PLAIN, []).business is None


def test_the_business_part_stands_by_itself() -> None:
    business = normal_document(completed(PLAIN), []).business
    assert business is not None
    assert json.loads(business) == {
        "part": "business",
        "profile": "urn:lienthong:packet-signature:1",
        "v": {"Bussiness": [{"BussinessDocType": ["0"], "BussinessDocReason": ["Văn bản điện tử mới"]}]},
    }


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  a \t\r\n b ", "a b"),
        ("Pho\u031b\u0309", "Phở"),
        ("\u00a0a", "\u00a0a"),
        (' "\\\u007f', '"\\\u007f'),
        ("", ""),
    ],
)
def test_text_is_composed_and_its_blanks_collapsed(text: str, normal: str) -> None:
    assert normal_text(text) == normal


@pytest.mark.parametrize(
    ("text", "normal"),
    [("002", "2"), ("+7", "7"), ("0", "0"), ("-0", "0"), ("-3", ""), ("1a", "1a"), ("", ""), ("٣", "٣")],
)
def test_whole_numbers_lose_sign_and_leading_zeros(text: str, normal: str) -> None:
    assert normal_integer(text) == normal


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("document_type.type", 2),
        ("document_type.type_detail", -1),
        ("steering_type", 0),
        ("other_info.priority", 0),
        ("other_info.direction", "true"),
        ("subject", " V/v  thử nghiệm\r\nliên thông"),
        ("content", " "),
        ("due_date_text", ""),
        ("to_places", ("", " ")),
        ("promulgation_info.promulgation_date_text", "05/03/2025"),
        ("to", (*PLAIN.message_header.to, Organ(organ_id="000.07.H99", organization_in_charge=f" {QD20_MARKER}"))),
    ],
)
def test_what_says_nothing_changes_nothing(place: str, value: object) -> None:
    assert normal_document(changed(PLAIN, H + place, value), []) == normal_document(PLAIN, [])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("document_type.type", 1),
        ("document_type.type_detail", 2),
        ("document_type.type_detail", 0),
        ("steering_type", 2),
        ("other_info.priority", 2),
        ("subject", "V/v thu nghiem lien thong"),
        ("subject", "V/vthử nghiệm liên thông"),
        ("promulgation_info.promulgation_date", date(2025, 3, 6)),
        ("to", tuple(reversed(PLAIN.message_header.to))),
        ("to", PLAIN.message_header.to[:1]),
        ("from_.organ_id", "H98"),
        ("to_places", ("Lưu: VT",)),
    ],
)
def test_what_says_something_changes_the_form(place: str, value: object) -> None:
    assert not same_meaning(normal_document(changed(PLAIN, H + place, value), []), normal_document(PLAIN, []))


@pytest.mark.parametrize(
    "other",
    [
        [],
        [FILE, FILE],
        [FileDigest(name="b.pdf", description=FILE.description, size=3, sha256=FILE.sha256)],
        [FileDigest(name="a.pdf", description="Phụ lục", size=3, sha256=FILE.sha256)],
        [FileDigest(name="a.pdf", description=FILE.description, size=4, sha256=FILE.sha256)],
        [FileDigest(name="a.pdf", description=FILE.description, size=3, sha256="00" * 32)],
    ],
)
def test_another_set_of_files_is_another_meaning(other: list[FileDigest]) -> None:
    assert meaning_hash(PLAIN, [FILE]) != meaning_hash(PLAIN, other)


def test_the_order_of_files_is_part_of_the_meaning() -> None:
    second = FileDigest(name="b.pdf", description=None, size=3, sha256=FILE.sha256)
    assert normal_document(PLAIN, [FILE, second]) != normal_document(PLAIN, [second, FILE])


def test_sending_anew_is_another_meaning_though_the_form_is_the_same() -> None:
    later = changed(PLAIN, "trace_header_list.trace_headers.0.timestamp", date_time := _later())
    assert date_time
    assert normal_document(later, []) == normal_document(PLAIN, [])
    assert meaning_hash(later) != meaning_hash(PLAIN)


def _later() -> object:
    moment = PLAIN.trace_header_list.trace_headers[0].timestamp
    assert moment is not None
    return moment.replace(second=10)


def test_a_status_is_its_header() -> None:
    other = StatusPacket(message_header=PLAIN_STATUS.message_header.model_copy(update={"status_code": "04"}))
    assert normal_status(other) != normal_status(PLAIN_STATUS)
    assert meaning_hash(other) != meaning_hash(PLAIN_STATUS)


@settings(max_examples=20, deadline=None)
@given(documents(), file_sets(), st.lists(hops() | st.none(), max_size=4))
def test_any_number_of_passes_through_the_axis_changes_no_meaning(
    packet: DocumentPacket, files: list[FileToSend], passes: list[TraceHeader | None]
) -> None:
    sent = completed(packet)
    arrived = sent
    for hop in passes:
        arrived = survive(arrived, hop)
    assert normal_document(arrived, digests(files)) == normal_document(sent, digests(files))
    assert meaning_hash(arrived, digests(files)) == meaning_hash(sent, digests(files))


@settings(max_examples=20, deadline=None)
@given(statuses(), st.integers(0, 3))
def test_any_number_of_passes_changes_no_status(packet: StatusPacket, passes: int) -> None:
    arrived = packet
    for _ in range(passes):
        arrived = survive(arrived)
    assert (normal_status(arrived), meaning_hash(arrived)) == (normal_status(packet), meaning_hash(packet))


@settings(max_examples=20, deadline=None)
@given(documents(), hops())
def test_hops_and_blanks_change_no_meaning(packet: DocumentPacket, hop: TraceHeader) -> None:
    header = packet.message_header.model_copy(
        update={
            "subject": f"\r\n  {packet.message_header.subject}\t",
            "content": packet.message_header.content or " ",
            "to_places": ("", *packet.message_header.to_places, "\n"),
        }
    )
    trace = packet.trace_header_list.model_copy(
        update={"trace_headers": (*packet.trace_header_list.trace_headers, hop)}
    )
    other = DocumentPacket(message_header=header, trace_header_list=trace)
    assert meaning_hash(other) == meaning_hash(packet)


@settings(max_examples=35, deadline=None)
@given(documents() | statuses(), st.data())
def test_changing_any_value_changes_the_meaning(packet: DocumentPacket | StatusPacket, data: st.DataObject) -> None:
    if isinstance(packet, StatusPacket):
        tree = [*layout.leaves(layout.status_header(packet))]
    else:
        top = [layout.document_header(packet), *layout.trace_header_list(packet).children[:1]]
        tree = [leaf for node in top for leaf in layout.leaves(node)]
    leaf = data.draw(st.sampled_from([leaf for leaf in tree if leaf.name not in ("Direction",)]), label="leaf")
    other = _with_another_value(packet, leaf.pointer.strip("/").split("/"))
    assume(other != packet)
    assert meaning_hash(other) != meaning_hash(packet)


def _with_another_value(packet: DocumentPacket | StatusPacket, place: list[str]) -> DocumentPacket | StatusPacket:
    found = _replaced(packet, place)
    assert isinstance(found, DocumentPacket | StatusPacket)
    return found


def _replaced(value: object, place: list[str]) -> object:
    if isinstance(value, tuple):
        at = int(place[0])
        return (*value[:at], _replaced(value[at], place[1:]), *value[at + 1 :])
    if isinstance(value, Wire):
        name = "from_" if place[0] == "from" else place[0]
        return value.model_copy(update={name: _replaced(getattr(value, name), place[1:])})
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, int):
        return value + 3
    assert isinstance(value, date)
    return value.replace(year=value.year - 4 if value.year > 1994 else value.year + 4)
