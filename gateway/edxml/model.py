"""The packet's header as typed values: every element of the packet format, names in the wire's spelling in snake_case.

Shapes follow `edXML` of QCVN 102:2016. A model never holds attachment bytes. A value that is absent is None (or an
empty tuple); an element that was there but empty reads as absent. Beside every date and time stands the original text
(`…_text`), because senders write them in several ways and what arrived is kept as it arrived.
"""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"

Count = Annotated[int, Field(ge=0)]


class Wire(BaseModel):
    """Base of every element group: frozen, unknown names refused, `from_` written as `from`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Organ(Wire):
    """From and To: an organisation. `organ_id` ≤ 35 characters (QCVN 102 amendment 1:2022)."""

    organ_id: str | None = None
    organization_in_charge: str | None = None
    organ_name: str | None = None
    organ_add: str | None = None
    email: str | None = None
    telephone: str | None = None
    fax: str | None = None
    website: str | None = None


class Code(Wire):
    """Số, ký hiệu."""

    code_number: str | None = None
    code_notation: str | None = None


class PromulgationInfo(Wire):
    """Thông tin ban hành."""

    place: str | None = None
    promulgation_date: date | None = None
    promulgation_date_text: str | None = None


class DocumentType(Wire):
    """Loại văn bản. Three habits of `type` are in use; never reject one."""

    type: Count | None = None
    type_detail: int | None = None
    type_name: str | None = None


class SignerInfo(Wire):
    """Người ký."""

    competence: str | None = None
    position: str | None = None
    full_name: str | None = None


class OtherInfo(Wire):
    """Thông tin khác. `priority`: 0 thường, 1 khẩn, 2 thượng khẩn, 3 hỏa tốc, 4 hỏa tốc hẹn giờ."""

    priority: int | None = None
    sphere_of_promulgation: str | None = None
    typer_notation: str | None = None
    promulgation_amount: int | None = None
    page_amount: int | None = None
    reply_fors: str | None = None
    direction: str | None = None
    reference_codes: str | None = None
    appendixes: tuple[str, ...] = ()


class ResponseFor(Wire):
    """The document that is answered, or of which a status speaks. `code` is joined: `7816/VPCP-TTĐT`."""

    organ_id: str | None = None
    code: str | None = None
    document_id: str | None = None
    promulgation_date: date | None = None
    promulgation_date_text: str | None = None


class StaffInfo(Wire):
    """Cán bộ xử lý."""

    department: str | None = None
    department_id: str | None = None
    staff: str | None = None
    staff_id: str | None = None
    email: str | None = None
    mobile: str | None = None


class MessageHeader(Wire):
    """MessageHeader of a document packet."""

    from_: Organ = Field(default_factory=Organ, alias="from")
    to: tuple[Organ, ...] = ()
    document_id: str | None = None
    code: Code = Field(default_factory=Code)
    promulgation_info: PromulgationInfo = Field(default_factory=PromulgationInfo)
    document_type: DocumentType = Field(default_factory=DocumentType)
    subject: str | None = None
    content: str | None = None
    signer_info: SignerInfo | None = None
    due_date: date | None = None
    due_date_text: str | None = None
    other_info: OtherInfo = Field(default_factory=OtherInfo)
    response_for: tuple[ResponseFor, ...] = ()
    steering_type: int | None = None
    response_for_task: tuple[str, ...] = ()
    application_type: str | None = None
    to_places: tuple[str, ...] = ()


class TraceHeader(Wire):
    """One hop. `timestamp` is aware (wire times have no zone and are Vietnam time)."""

    organ_id: str | None = None
    timestamp: datetime | None = None
    timestamp_text: str | None = None


class Receiver(Wire):
    """One receiver changed by an update. `receiver_type` 0 removed, 1 added."""

    organ_id: str | None = None
    receiver_type: str | None = None


class BussinessDocumentInfo(Wire):
    """What an update changes. `document_info` and `document_receiver` are "0" or "1"."""

    document_info: str | None = None
    document_receiver: str | None = None
    receiver_list: tuple[Receiver, ...] = ()


class ReplacementInfo(Wire):
    """One document that is replaced, and for whom."""

    document_id: str | None = None
    organ_id_list: tuple[str, ...] = ()


class Bussiness(Wire):
    """Business block (spelt so on the wire). `bussiness_doc_type`: "0" new, "1" recall, "2" update, "3" replace."""

    document_id: str | None = None
    bussiness_doc_type: str | None = None
    bussiness_doc_reason: str | None = None
    paper: str | None = None
    bussiness_document_info: tuple[BussinessDocumentInfo, ...] = ()
    replacement_info_list: tuple[ReplacementInfo, ...] = ()
    staff_info: tuple[StaffInfo, ...] = ()


class TraceHeaderList(Wire):
    """Hops and business block."""

    trace_headers: tuple[TraceHeader, ...] = ()
    bussiness: Bussiness | None = None


class StatusHeader(Wire):
    """MessageHeader of a status packet. The addressee is `response_for.organ_id`; there is no To."""

    from_: Organ = Field(default_factory=Organ, alias="from")
    response_for: ResponseFor = Field(default_factory=ResponseFor)
    staff_info: StaffInfo | None = None
    status_code: str | None = None
    description: str | None = None
    timestamp: datetime | None = None
    timestamp_text: str | None = None


class DocumentPacket(Wire):
    """A document packet without its files."""

    message_header: MessageHeader = Field(default_factory=MessageHeader)
    trace_header_list: TraceHeaderList = Field(default_factory=TraceHeaderList)

    @property
    def business_type(self) -> str:
        """ "0" to "3"; a packet without a business block is new (the axis has lost the block before)."""
        bussiness = self.trace_header_list.bussiness
        return (bussiness and bussiness.bussiness_doc_type) or "0"


class StatusPacket(Wire):
    """A status packet."""

    message_header: StatusHeader = Field(default_factory=StatusHeader)
