"""Hypothesis strategies for whole packets: documents of every business type, statuses, sets of files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, TypeVar

from hypothesis import strategies as st

from gateway.edxml.checks import FileFacts
from gateway.edxml.fields import FIELDS
from gateway.edxml.layout import wire_date, wire_time
from gateway.edxml.model import (
    Bussiness,
    BussinessDocumentInfo,
    Code,
    DocumentPacket,
    DocumentType,
    MessageHeader,
    Organ,
    OtherInfo,
    PromulgationInfo,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusHeader,
    StatusPacket,
    TraceHeader,
    TraceHeaderList,
    Wire,
)
from gateway.edxml.normal import FileDigest
from gateway.edxml.writer import FileToSend

_T = TypeVar("_T")

TODAY = date(2026, 11, 22)
"""The day on which every document of `documents()` may be sent."""

PLAIN = DocumentPacket(
    message_header=MessageHeader(
        from_=Organ(organ_id="H99", organ_name="UBND tỉnh Giả Định"),
        to=(Organ(organ_id="H99.07"), Organ(organ_id="000.00.12.H98")),
        document_id="H99,2025/03/05,1520/UBND-KT",
        code=Code(code_number="1520", code_notation="UBND-KT"),
        promulgation_info=PromulgationInfo(promulgation_date=date(2025, 3, 5)),
        document_type=DocumentType(type_name="Công văn"),
        subject="V/v thử nghiệm liên thông",
        signer_info=SignerInfo(position="PHÓ CHỦ TỊCH", full_name="Nguyễn Văn Mẫu"),
    ),
    trace_header_list=TraceHeaderList(
        trace_headers=(TraceHeader(organ_id="H99", timestamp=datetime(2025, 3, 5, 7, 7, 9, tzinfo=UTC)),)
    ),
)
"""A small new document of which every check says nothing, once it has a file."""

PLAIN_STATUS = StatusPacket(
    message_header=StatusHeader(
        from_=Organ(organ_id="H99.07"),
        response_for=ResponseFor(organ_id="H99", code="1520/UBND-KT", document_id="H99,2025/03/05,1520/UBND-KT"),
        status_code="03",
        timestamp=datetime(2025, 3, 5, 7, 25, 40, tzinfo=UTC),
    )
)
"""A small status of which every check says nothing."""


def changed(packet: DocumentPacket, place: str, value: object) -> DocumentPacket:
    """The packet with one value replaced; `place` is attribute names and list positions, `message_header.to.0.fax`."""
    found = _changed(packet, place.split("."), value)
    assert isinstance(found, DocumentPacket)
    return found


def _changed(group: object, place: list[str], value: object) -> object:
    if not place:
        return value
    name, rest = place[0], place[1:]
    if isinstance(group, tuple):
        at = int(name)
        return (*group[:at], _changed(group[at], rest, value), *group[at + 1 :])
    assert isinstance(group, Wire)
    return group.model_copy(update={name: _changed(getattr(group, name), rest, value)})


@dataclass(frozen=True)
class Bytes:
    """A source of bytes in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return BytesIO(self.data)


VIETNAMESE = (
    "aăâbcdđeêghiklmnoôơpqrstuưvxyAĂÂBCDĐEÊGHIKLMNOÔƠPQRSTUƯVXYáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợ"
    "úùủũụứừửữựýỳỷỹỵ0123456789 .,;:/()-&<>\"'"
)
_NFD = "a\u0301 o\u031b\u0309"


def vietnamese(most: int, least: int = 1) -> st.SearchStrategy[str]:
    """Text with diacritics and characters XML must escape; trimmed, never blank unless `least` is 0."""
    words = st.sampled_from(
        ["Văn bản", "Uỷ ban nhân dân", "V/v <kiểm tra> & thử", "Lưu: VT", "TL. BỘ TRƯỞNG", _NFD, "𠀋"]
    )
    free = st.text(alphabet=VIETNAMESE, min_size=least, max_size=min(most, 10)).map(lambda text: text.strip(" "))
    return (free | words.map(lambda text: text[:most].strip(" "))).filter(lambda text: len(text) >= least)


def field(path: str) -> st.SearchStrategy[str]:
    """Text for the field at a path, no longer than what we send."""
    return vietnamese(FIELDS[path].length)


def maybe(values: st.SearchStrategy[_T]) -> st.SearchStrategy[_T | None]:
    """The value or nothing."""
    return st.none() | values


codes = st.from_regex(r"[A-Z][0-9]{2}(\.[0-9]{2}){0,2}|[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.H[0-9]{2}", fullmatch=True)
days = st.dates(min_value=date(1990, 1, 1), max_value=TODAY)
moments = st.integers(
    int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
).map(lambda second: datetime.fromtimestamp(second, UTC))


def organs(path: str) -> st.SearchStrategy[Organ]:
    """From or To."""
    return st.builds(
        Organ,
        organ_id=codes,
        organization_in_charge=maybe(field(f"{path}.OrganizationInCharge")),
        organ_name=maybe(field(f"{path}.OrganName")),
        organ_add=maybe(field(f"{path}.OrganAdd")),
        email=maybe(st.just("vanthu@giadinh.example.vn")),
        telephone=maybe(st.just("(84-4) 3821 5137")),
        fax=maybe(st.just("0200 000 0002")),
        website=maybe(st.just("giadinh.example.vn")),
    )


def staff(path: str) -> st.SearchStrategy[StaffInfo]:
    """StaffInfo with somebody in it."""
    return st.builds(
        StaffInfo,
        department=maybe(field(f"{path}.Department")),
        department_id=maybe(st.just("VT-01")),
        staff=field(f"{path}.Staff"),
        staff_id=maybe(st.just("nv01")),
        email=maybe(st.just("vanthu@giadinh.example.vn")),
        mobile=maybe(st.just("0900000001")),
    )


@st.composite
def responses(draw: st.DrawFn) -> ResponseFor:
    """One complete ResponseFor."""
    day = draw(maybe(days))
    return ResponseFor(
        organ_id=draw(codes),
        code=draw(field("MessageHeader.ResponseFor.Code")),
        document_id=draw(field("MessageHeader.ResponseFor.DocumentId")),
        promulgation_date=day,
        promulgation_date_text=day and wire_date(day),
    )


@st.composite
def hops(draw: st.DrawFn) -> TraceHeader:
    """One hop."""
    moment = draw(moments)
    return TraceHeader(organ_id=draw(codes), timestamp=moment, timestamp_text=wire_time(moment))


@st.composite
def bussinesses(draw: st.DrawFn, kind: str) -> Bussiness:
    """A business block with what its type needs."""
    top = "TraceHeaderList.Bussiness"
    info: tuple[BussinessDocumentInfo, ...] = ()
    replaced: tuple[ReplacementInfo, ...] = ()
    flags = st.sampled_from(["0", "1"])
    if kind == "2":
        receivers = draw(st.lists(st.builds(Receiver, organ_id=codes, receiver_type=flags), max_size=3))
        info = (
            BussinessDocumentInfo(
                document_info=draw(flags),
                document_receiver="1" if receivers else "0",
                receiver_list=tuple(receivers),
            ),
        )
    if kind == "3":
        each = st.builds(
            ReplacementInfo,
            document_id=field(f"{top}.ReplacementInfoList.ReplacementInfo.DocumentId"),
            organ_id_list=st.lists(codes, min_size=1, max_size=3).map(tuple),
        )
        replaced = tuple(draw(st.lists(each, min_size=1, max_size=2)))
    return Bussiness(
        document_id=draw(field(f"{top}.DocumentId") if kind == "2" else maybe(field(f"{top}.DocumentId"))),
        bussiness_doc_type=kind,
        bussiness_doc_reason=draw(field(f"{top}.BussinessDocReason")),
        paper=draw(maybe(flags)),
        bussiness_document_info=info,
        replacement_info_list=replaced,
        staff_info=tuple(draw(st.lists(staff(f"{top}.StaffInfo"), max_size=2))),
    )


def _other_info() -> st.SearchStrategy[OtherInfo]:
    top = "MessageHeader.OtherInfo"
    counts = maybe(st.integers(0, 65_535))
    return st.builds(
        OtherInfo,
        priority=maybe(st.integers(0, 4)),
        sphere_of_promulgation=maybe(field(f"{top}.SphereOfPromulgation")),
        typer_notation=maybe(st.just("NVM")),
        promulgation_amount=counts,
        page_amount=counts,
        reply_fors=maybe(st.just("trả lời")),
        direction=st.sampled_from(["false", "true", None]),
        reference_codes=maybe(st.just("12/UBND")),
        appendixes=st.lists(field(f"{top}.Appendixes.Appendix"), max_size=3).map(tuple),
    )


@st.composite
def documents(draw: st.DrawFn, kind: str | None = None) -> DocumentPacket:
    """A document packet that passes every check on TODAY; `kind` "0" to "3", or any."""
    kind = kind or draw(st.sampled_from("0123"))
    day, due = draw(days), draw(maybe(days))
    top = "MessageHeader"
    header = MessageHeader(
        from_=draw(organs(f"{top}.From")),
        to=tuple(draw(st.lists(organs(f"{top}.To"), min_size=1, max_size=3, unique_by=lambda organ: organ.organ_id))),
        document_id=draw(field(f"{top}.DocumentId")),
        code=Code(code_number=draw(st.from_regex("[0-9]{1,6}[a-z]{0,3}", fullmatch=True)), code_notation="UBND-ĐT"),
        promulgation_info=PromulgationInfo(
            place=draw(maybe(field(f"{top}.PromulgationInfo.Place"))),
            promulgation_date=day,
            promulgation_date_text=wire_date(day),
        ),
        document_type=DocumentType(
            type=draw(maybe(st.integers(0, 80))),
            type_detail=draw(maybe(st.integers(0, 30))),
            type_name=draw(field(f"{top}.DocumentType.TypeName")),
        ),
        subject=draw(field(f"{top}.Subject")),
        content=draw(maybe(field(f"{top}.Content"))),
        signer_info=SignerInfo(
            competence=draw(maybe(field(f"{top}.SignerInfo.Competence"))),
            position=draw(field(f"{top}.SignerInfo.Position")),
            full_name=draw(field(f"{top}.SignerInfo.FullName")),
        ),
        due_date=due,
        due_date_text=due and wire_date(due),
        other_info=draw(_other_info()),
        response_for=tuple(draw(st.lists(responses(), min_size=1 if kind == "1" else 0, max_size=2))),
        steering_type=draw(maybe(st.integers(0, 3))),
        response_for_task=tuple(draw(st.lists(st.just("NV-01"), max_size=1))),
        application_type=draw(maybe(st.just("QLVB"))),
        to_places=tuple(draw(st.lists(field(f"{top}.ToPlaces.Place"), max_size=3))),
    )
    trace = TraceHeaderList(
        trace_headers=tuple(draw(st.lists(hops(), min_size=1, max_size=2))), bussiness=draw(bussinesses(kind))
    )
    return DocumentPacket(message_header=header, trace_header_list=trace)


@st.composite
def statuses(draw: st.DrawFn) -> StatusPacket:
    """A status packet that passes every check."""
    moment = draw(moments)
    return StatusPacket(
        message_header=StatusHeader(
            from_=draw(organs("MessageHeader.From")),
            response_for=draw(responses()),
            staff_info=draw(maybe(staff("MessageHeader.StaffInfo"))),
            status_code=draw(st.sampled_from(["01", "02", "03", "04", "05", "06", "13", "15", "16"])),
            description=draw(maybe(field("MessageHeader.Description"))),
            timestamp=moment,
            timestamp_text=wire_time(moment),
        )
    )


def contents() -> st.SearchStrategy[bytes]:
    """Bytes of a file that is not a zip: empty ones cannot be sent."""
    return st.binary(min_size=1, max_size=300).map(lambda data: b"%PDF-" + data)


@st.composite
def file_sets(draw: st.DrawFn, most: int = 3) -> list[FileToSend]:
    """Attachments of raw and zipped kinds; two may have one name."""
    names = st.sampled_from(
        ["1520_UBND-KT.pdf", "Phụ lục I.csv", "bảng kê.xlsx", "QĐ.DOC", "thu.docx", "khong-duoi", "a.b.PDF"]
    )
    return [
        FileToSend(
            attachment_name=draw(names),
            source=Bytes(draw(contents())),
            description=draw(maybe(vietnamese(100))),
            content_id=f"10000000-0000-4000-8000-{at:012d}",
            entry_name=f"20000000-0000-4000-8000-{at:012d}.bin",
        )
        for at in range(draw(st.integers(0, most)))
    ]


def facts(files: Sequence[FileToSend]) -> list[FileFacts]:
    """What the checks want to know of files."""
    return [FileFacts(attachment_name=file.attachment_name, size=file.source.size) for file in files]


def digests(files: Sequence[FileToSend]) -> list[FileDigest]:
    """What the normal form binds of files."""
    found = []
    for file in files:
        with file.source.open() as stream:
            digest = sha256(stream.read()).hexdigest()
        found.append(
            FileDigest(name=file.attachment_name, description=file.description, size=file.source.size, sha256=digest)
        )
    return found


_ODD_TEXTS = st.sampled_from(
    ["", " ", "  a  b\t\r\nc ", "002", "-1", "TLTVBQG_CDMDD_QD20", "\u0378", "true"]
) | st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    max_size=8,
)
_ODD_DATES = st.sampled_from(
    ["2014/02/30", "30/10/2020", "2024-03-05", "2024/3/5", "", "hôm qua", "9999/99/99", "0/0/0"]
)
_ODD_TIMES = st.sampled_from(
    ["2024-03-05T10:11:12", "2024/03/05 10:11:12", "2024/03/05 25:61:61", "2024/03/05", "x", ""]
)


@st.composite
def odd_documents(draw: st.DrawFn) -> DocumentPacket:
    """A document packet as a bad system may send it: blanks, odd dates, negative numbers, unassigned characters."""
    packet = draw(documents())
    header, trace = packet.message_header, packet.trace_header_list
    numbers = maybe(st.integers(-3, 70_000))
    bussiness = trace.bussiness and trace.bussiness.model_copy(
        update={"paper": draw(maybe(_ODD_TEXTS)), "bussiness_doc_type": draw(maybe(_ODD_TEXTS))}
    )
    header = header.model_copy(
        update={
            "subject": draw(maybe(_ODD_TEXTS)),
            "due_date": None,
            "due_date_text": draw(maybe(_ODD_DATES)),
            "to": (*header.to, Organ(organization_in_charge=draw(maybe(_ODD_TEXTS)))),
            "to_places": tuple(draw(st.lists(_ODD_TEXTS, max_size=3))),
            "steering_type": draw(numbers),
            "document_type": header.document_type.model_copy(update={"type_detail": draw(numbers)}),
            "other_info": header.other_info.model_copy(
                update={"priority": draw(numbers), "page_amount": draw(numbers), "direction": draw(maybe(_ODD_TEXTS))}
            ),
        }
    )
    hop = TraceHeader(organ_id=draw(maybe(_ODD_TEXTS)), timestamp_text=draw(maybe(_ODD_TIMES)))
    trace = trace.model_copy(
        update={
            "bussiness": draw(st.sampled_from([bussiness, None])),
            "trace_headers": (*trace.trace_headers, hop),
        }
    )
    return packet.model_copy(update={"message_header": header, "trace_header_list": trace})
