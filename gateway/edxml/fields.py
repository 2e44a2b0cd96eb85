"""Every leaf of the header by its path: what people call it, and how long it may be in what we send.

Lengths are in characters. Those of OrganId, OrganName, Code, TypeName, Subject, Position and FullName are also in law
(NĐ 30/2020 Phụ lục VI); the others follow the 2013 rules and common systems (packet format 2). Where no source gives
one, a bound of our own stands, marked "own".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One leaf: its names and the most characters it may have."""

    vi: str
    en: str
    length: int


def _organ(path: str, vi: str, en: str) -> dict[str, Field]:
    return {
        f"{path}.OrganId": Field(f"mã định danh {vi}", f"code of the {en}", 35),
        f"{path}.OrganizationInCharge": Field(f"đơn vị chủ quản của {vi}", f"parent body of the {en}", 200),
        f"{path}.OrganName": Field(f"tên {vi}", f"name of the {en}", 200),
        f"{path}.OrganAdd": Field(f"địa chỉ {vi}", f"address of the {en}", 250),
        f"{path}.Email": Field(f"thư điện tử của {vi}", f"e-mail of the {en}", 100),
        f"{path}.Telephone": Field(f"điện thoại của {vi}", f"telephone of the {en}", 20),
        f"{path}.Fax": Field(f"số fax của {vi}", f"fax of the {en}", 20),
        f"{path}.Website": Field(f"trang thông tin điện tử của {vi}", f"web site of the {en}", 100),
    }


def _response_for(path: str) -> dict[str, Field]:
    return {
        f"{path}.OrganId": Field(
            "mã cơ quan của văn bản được phản hồi", "organisation code of the document answered", 35
        ),
        f"{path}.Code": Field(
            "số, ký hiệu văn bản được phản hồi", "number and symbol of the document answered", 200
        ),  # own
        f"{path}.DocumentId": Field("mã định danh văn bản được phản hồi", "id of the document answered", 200),
        f"{path}.PromulgationDate": Field(
            "ngày ban hành văn bản được phản hồi", "issue date of the document answered", 10
        ),
    }


def _staff(path: str) -> dict[str, Field]:
    return {
        f"{path}.Department": Field("phòng ban của cán bộ xử lý", "department of the person responsible", 300),
        f"{path}.DepartmentId": Field(
            "mã phòng ban của cán bộ xử lý", "department code of the person responsible", 100
        ),  # own
        f"{path}.Staff": Field("họ tên cán bộ xử lý", "name of the person responsible", 300),
        f"{path}.StaffId": Field("mã cán bộ xử lý", "code of the person responsible", 100),  # own
        f"{path}.Email": Field("thư điện tử của cán bộ xử lý", "e-mail of the person responsible", 100),
        f"{path}.Mobile": Field("số di động của cán bộ xử lý", "mobile number of the person responsible", 50),
    }


_HEADER = "MessageHeader"
_OTHER = "MessageHeader.OtherInfo"
_BUSSINESS = "TraceHeaderList.Bussiness"
_INFO = f"{_BUSSINESS}.BussinessDocumentInfo"
_REPLACEMENT = f"{_BUSSINESS}.ReplacementInfoList.ReplacementInfo"

FIELDS: dict[str, Field] = {
    **_organ(f"{_HEADER}.From", "cơ quan gửi", "sender"),
    **_organ(f"{_HEADER}.To", "cơ quan nhận", "receiver"),
    f"{_HEADER}.DocumentId": Field("mã định danh văn bản", "document id", 200),
    f"{_HEADER}.Code.CodeNumber": Field("số văn bản", "document number", 11),
    f"{_HEADER}.Code.CodeNotation": Field("ký hiệu văn bản", "document symbol", 30),
    f"{_HEADER}.PromulgationInfo.Place": Field("địa điểm ban hành", "place of issue", 50),
    f"{_HEADER}.PromulgationInfo.PromulgationDate": Field("ngày ban hành", "issue date", 10),
    f"{_HEADER}.DocumentType.Type": Field("mã loại văn bản", "kind code", 10),
    f"{_HEADER}.DocumentType.TypeDetail": Field("mã loại chi tiết", "detailed kind code", 10),
    f"{_HEADER}.DocumentType.TypeName": Field("tên loại văn bản", "kind of document", 100),
    f"{_HEADER}.Subject": Field("trích yếu", "subject", 500),
    f"{_HEADER}.Content": Field("nội dung tóm tắt", "summary", 500),
    f"{_HEADER}.SignerInfo.Competence": Field("quyền hạn của người ký", "authority of the signer", 100),
    f"{_HEADER}.SignerInfo.Position": Field("chức vụ của người ký", "position of the signer", 100),
    f"{_HEADER}.SignerInfo.FullName": Field("họ tên người ký", "name of the signer", 50),
    f"{_HEADER}.DueDate": Field("hạn xử lý", "deadline", 10),
    f"{_OTHER}.Priority": Field("độ khẩn", "urgency", 1),
    f"{_OTHER}.SphereOfPromulgation": Field("phạm vi lưu hành", "circulation", 100),
    f"{_OTHER}.TyperNotation": Field("ký hiệu người soạn thảo", "drafter's mark", 10),
    f"{_OTHER}.PromulgationAmount": Field("số lượng phát hành", "copies issued", 5),
    f"{_OTHER}.PageAmount": Field("số trang", "number of pages", 5),
    f"{_OTHER}.ReplyFors": Field("mục ReplyFors", "ReplyFors", 500),  # own
    f"{_OTHER}.Direction": Field("mục Direction", "Direction", 5),
    f"{_OTHER}.ReferenceCodes": Field("mục ReferenceCodes", "ReferenceCodes", 500),  # own
    f"{_OTHER}.Appendixes.Appendix": Field("tên phụ lục", "title of the annex", 250),
    **_response_for(f"{_HEADER}.ResponseFor"),
    f"{_HEADER}.SteeringType": Field("loại chỉ đạo", "steering kind", 1),
    f"{_HEADER}.ResponseForTask.TaskCode": Field("mã nhiệm vụ", "task code", 200),  # own
    f"{_HEADER}.ApplicationType": Field("loại ứng dụng", "application kind", 100),  # own
    f"{_HEADER}.ToPlaces.Place": Field("nơi nhận", "recipient named on the paper", 150),
    f"{_HEADER}.StatusCode": Field("mã trạng thái", "status code", 2),
    f"{_HEADER}.Description": Field("diễn giải trạng thái", "status description", 1000),  # own
    f"{_HEADER}.Timestamp": Field("thời điểm của trạng thái", "time of the status", 19),
    **_staff(f"{_HEADER}.StaffInfo"),
    "TraceHeaderList.TraceHeader.OrganId": Field("mã cơ quan của vết gửi nhận", "code of the hop", 35),
    "TraceHeaderList.TraceHeader.Timestamp": Field("thời điểm của vết gửi nhận", "time of the hop", 19),
    f"{_BUSSINESS}.DocumentId": Field(
        "mã văn bản được thu hồi hoặc cập nhật", "id of the document recalled or updated", 200
    ),
    f"{_BUSSINESS}.BussinessDocType": Field("loại nghiệp vụ", "business type", 1),
    f"{_BUSSINESS}.BussinessDocReason": Field("lý do nghiệp vụ", "business reason", 500),  # own
    f"{_BUSSINESS}.Paper": Field("mục có gửi kèm bản giấy", "whether paper follows", 1),
    f"{_INFO}.DocumentInfo": Field("mục có thay đổi thông tin văn bản", "whether the content changed", 1),
    f"{_INFO}.DocumentReceiver": Field("mục có thay đổi nơi nhận", "whether the receivers changed", 1),
    f"{_INFO}.ReceiverList.Receiver.OrganId": Field("mã cơ quan nhận bị thay đổi", "code of the changed receiver", 35),
    f"{_INFO}.ReceiverList.Receiver.ReceiverType": Field("kiểu thay đổi nơi nhận", "kind of receiver change", 1),
    f"{_REPLACEMENT}.DocumentId": Field("mã văn bản bị thay thế", "id of the replaced document", 200),
    f"{_REPLACEMENT}.OrganIdList.OrganId": Field(
        "mã cơ quan nhận văn bản bị thay thế", "code of a receiver of the replaced document", 35
    ),
    **_staff(f"{_BUSSINESS}.StaffInfo"),
}

ATTACHMENT_NAME = Field("tên tệp đính kèm", "name of the attachment", 200)
ATTACHMENT_DESCRIPTION = Field("mô tả tệp đính kèm", "description of the attachment", 500)  # own

CODES = {
    f"{_HEADER}.ToPlaces.Place": f"{_HEADER}.ToPlace.Place",
    "TraceHeaderList.TraceHeader.Timestamp": "TraceHeaderList.TraceHeader.TimeStamp",
}
"""Paths that the common code vocabulary spells in its own way (packet format 2.9)."""


def code_of(kind: str, path: str) -> str:
    """The finding code for a class letter and a path: `R.MessageHeader.Subject`."""
    return f"{kind}.{CODES.get(path, path)}"
