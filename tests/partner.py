"""Packets as the partner's system makes them, by hand: documents to our units, statuses about our documents."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

from world import DEPARTMENT, PARTNER, SENDER, Bytes

from gateway import opening
from gateway.edxml.model import (
    Bussiness,
    Code,
    DocumentPacket,
    MessageHeader,
    Organ,
    OtherInfo,
    PromulgationInfo,
    ResponseFor,
    StatusHeader,
    StatusPacket,
    TraceHeader,
    TraceHeaderList,
)
from gateway.edxml.writer import FileToSend, write_document, write_status


def id_of(number: str) -> str:
    """The DocumentId of the partner's document of this number."""
    return f"{PARTNER},2026/11/20,{number}/SXD"


def document(
    number: str,
    *,
    to: Sequence[str | Organ] = (DEPARTMENT,),
    subject: str = "V/v phối hợp",
    content: bytes = b"%PDF-1.4 mau",
    at: datetime | None = None,
    business: str = "0",
    **other: str,
) -> bytes:
    """A document packet; `business`: 0 new, 1 recall, 2 update, 3 replacement. `other` are fields of OtherInfo."""
    packet = DocumentPacket(
        message_header=MessageHeader(
            from_=Organ(organ_id=PARTNER, organ_name="Sở Xây dựng"),
            to=tuple(one if isinstance(one, Organ) else Organ(organ_id=one, organ_name="Nơi nhận") for one in to),
            document_id=id_of(number),
            code=Code(code_number=number, code_notation="SXD"),
            promulgation_info=PromulgationInfo(place="Giả Định", promulgation_date=datetime(2026, 11, 20).date()),  # noqa: DTZ001 - a date
            subject=subject,
            other_info=OtherInfo.model_validate(other),
        ),
        trace_header_list=TraceHeaderList(
            trace_headers=(TraceHeader(organ_id=PARTNER, timestamp=(at or opening.clock()).replace(microsecond=0)),),
            bussiness=Bussiness(bussiness_doc_type=business, bussiness_doc_reason=f"Nghiệp vụ {business}"),
        ),
    )
    file = FileToSend(
        attachment_name="van-ban.pdf",
        source=Bytes(content),
        content_id="10000000-0000-4000-8000-000000000001",
        entry_name="20000000-0000-4000-8000-000000000001.pdf",
    )
    out = BytesIO()
    write_document(packet, [file], out)
    return out.getvalue()


def status(
    code: str, document_id: str, *, at: datetime | None = None, to: str = SENDER, description: str | None = None
) -> bytes:
    """A status packet of the partner about a document."""
    packet = StatusPacket(
        message_header=StatusHeader(
            from_=Organ(organ_id=PARTNER, organ_name="Sở Xây dựng"),
            response_for=ResponseFor(organ_id=to, code="1/SXD", document_id=document_id),
            status_code=code,
            description=description,
            timestamp=(at or opening.clock()).replace(microsecond=0),
        )
    )
    out = BytesIO()
    write_status(packet, out)
    return out.getvalue()
