"""What each element group may hold when read: its leaves, lists and groups, and the model they become.

The names follow packet format 2.2 to 2.7; order means nothing when reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from gateway.edxml import model
from gateway.edxml.model import Wire

M_co = TypeVar("M_co", bound=Wire, covariant=True)


class Form(StrEnum):
    """How the text of a leaf is understood."""

    TEXT = "text"
    ORGAN_ID = "organ_id"
    """A code of an organisation. `null` says nothing."""
    CODED = "coded"
    """Text of a code list. `null` says nothing."""
    INTEGER = "integer"
    COUNT = "count"
    """A whole number from 0."""
    DAY = "day"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element with text, read into one attribute."""

    attr: str
    form: Form = Form.TEXT


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts: elements `item` inside a wrapper."""

    attr: str
    item: str
    form: Form = Form.TEXT


@dataclass(frozen=True, slots=True)
class Group:
    """A group of elements read into a model of its own. `item` names the items where they stand inside a wrapper."""

    attr: str
    shape: "Shape[Wire]"
    many: bool = False
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Shape(Generic[M_co]):
    """An element group: its model and what each child element becomes."""

    model: type[M_co]
    children: Mapping[str, Leaf | Texts | Group]


_CODE = Leaf("organ_id", Form.ORGAN_ID)

ORGAN = Shape(
    model.Organ,
    {
        "OrganId": _CODE,
        "OrganizationInCharge": Leaf("organization_in_charge"),
        "OrganName": Leaf("organ_name"),
        "OrganAdd": Leaf("organ_add"),
        "Email": Leaf("email"),
        "Telephone": Leaf("telephone"),
        "Fax": Leaf("fax"),
        "Website": Leaf("website"),
    },
)

RESPONSE_FOR = Shape(
    model.ResponseFor,
    {
        "OrganId": _CODE,
        "Code": Leaf("code"),
        "DocumentId": Leaf("document_id"),
        "PromulgationDate": Leaf("promulgation_date", Form.DAY),
    },
)

STAFF_INFO = Shape(
    model.StaffInfo,
    {
        "Department": Leaf("department"),
        "DepartmentId": Leaf("department_id"),
        "Staff": Leaf("staff"),
        "StaffId": Leaf("staff_id"),
        "Email": Leaf("email"),
        "Mobile": Leaf("mobile"),
    },
)

MESSAGE_HEADER = Shape(
    model.MessageHeader,
    {
        "From": Group("from_", ORGAN),
        "To": Group("to", ORGAN, many=True),
        "DocumentId": Leaf("document_id"),
        "Code": Group(
            "code",
            Shape(model.Code, {"CodeNumber": Leaf("code_number"), "CodeNotation": Leaf("code_notation")}),
        ),
        "PromulgationInfo": Group(
            "promulgation_info",
            Shape(
                model.PromulgationInfo,
                {"Place": Leaf("place"), "PromulgationDate": Leaf("promulgation_date", Form.DAY)},
            ),
        ),
        "DocumentType": Group(
            "document_type",
            Shape(
                model.DocumentType,
                {
                    "Type": Leaf("type", Form.COUNT),
                    "TypeDetail": Leaf("type_detail", Form.INTEGER),
                    "TypeName": Leaf("type_name"),
                },
            ),
        ),
        "Subject": Leaf("subject"),
        "Content": Leaf("content"),
        "SignerInfo": Group(
            "signer_info",
            Shape(
                model.SignerInfo,
                {"Competence": Leaf("competence"), "Position": Leaf("position"), "FullName": Leaf("full_name")},
            ),
        ),
        "DueDate": Leaf("due_date", Form.DAY),
        "OtherInfo": Group(
            "other_info",
            Shape(
                model.OtherInfo,
                {
                    "Priority": Leaf("priority", Form.INTEGER),
                    "SphereOfPromulgation": Leaf("sphere_of_promulgation"),
                    "TyperNotation": Leaf("typer_notation"),
                    "PromulgationAmount": Leaf("promulgation_amount", Form.INTEGER),
                    "PageAmount": Leaf("page_amount", Form.INTEGER),
                    "ReplyFors": Leaf("reply_fors"),
                    "Direction": Leaf("direction", Form.CODED),
                    "ReferenceCodes": Leaf("reference_codes"),
                    "Appendixes": Texts("appendixes", "Appendix"),
                },
            ),
        ),
        "ResponseFor": Group("response_for", RESPONSE_FOR, many=True),
        "SteeringType": Leaf("steering_type", Form.INTEGER),
        "ResponseForTask": Texts("response_for_task", "TaskCode"),
        "ApplicationType": Leaf("application_type"),
        "ToPlaces": Texts("to_places", "Place"),
    },
)

STATUS_HEADER = Shape(
    model.StatusHeader,
    {
        "From": Group("from_", ORGAN),
        "ResponseFor": Group("response_for", RESPONSE_FOR),
        "StaffInfo": Group("staff_info", STAFF_INFO),
        "StatusCode": Leaf("status_code", Form.CODED),
        "Description": Leaf("description"),
        "Timestamp": Leaf("timestamp", Form.MOMENT),
    },
)

_RECEIVER = Shape(
    model.Receiver,
    {"OrganId": _CODE, "ReceiverType": Leaf("receiver_type", Form.CODED)},
)

_BUSSINESS_DOCUMENT_INFO = Shape(
    model.BussinessDocumentInfo,
    {
        "DocumentInfo": Leaf("document_info", Form.CODED),
        "DocumentReceiver": Leaf("document_receiver", Form.CODED),
        "ReceiverList": Group("receiver_list", _RECEIVER, many=True, item="Receiver"),
    },
)

_REPLACEMENT_INFO = Shape(
    model.ReplacementInfo,
    {"DocumentId": Leaf("document_id"), "OrganIdList": Texts("organ_id_list", "OrganId", Form.ORGAN_ID)},
)

TRACE_HEADER_LIST = Shape(
    model.TraceHeaderList,
    {
        "TraceHeader": Group(
            "trace_headers",
            Shape(model.TraceHeader, {"OrganId": _CODE, "Timestamp": Leaf("timestamp", Form.MOMENT)}),
            many=True,
        ),
        "Bussiness": Group(
            "bussiness",
            Shape(
                model.Bussiness,
                {
                    "DocumentId": Leaf("document_id"),
                    "BussinessDocType": Leaf("bussiness_doc_type", Form.CODED),
                    "BussinessDocReason": Leaf("bussiness_doc_reason"),
                    "Paper": Leaf("paper", Form.CODED),
                    "BussinessDocumentInfo": Group("bussiness_document_info", _BUSSINESS_DOCUMENT_INFO, many=True),
                    "ReplacementInfoList": Group(
                        "replacement_info_list", _REPLACEMENT_INFO, many=True, item="ReplacementInfo"
                    ),
                    "StaffInfo": Group("staff_info", STAFF_INFO, many=True),
                },
            ),
        ),
    },
)
