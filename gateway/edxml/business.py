"""Strict checks of the business block: new, recall, update, replacement (packet format 2.4)."""

from collections.abc import Iterator

from gateway.edxml.findings import Finding
from gateway.edxml.model import Bussiness, BussinessDocumentInfo, DocumentPacket
from gateway.edxml.rules import BUSSINESS_TYPE, FLAG, allowed, finding, missing, present, required
from gateway.problems import Text

_BUSSINESS = "TraceHeaderList.Bussiness"
_AT_BUSSINESS = "/trace_header_list/bussiness"
_INFO = f"{_BUSSINESS}.BussinessDocumentInfo"
_REPLACEMENT = f"{_BUSSINESS}.ReplacementInfoList.ReplacementInfo"


def check_bussiness(packet: DocumentPacket) -> Iterator[Finding]:
    """What each business type needs and may not have."""
    bussiness = packet.trace_header_list.bussiness
    if bussiness is None:
        return
    kind = bussiness.bussiness_doc_type
    if not present(kind):
        yield missing(f"{_BUSSINESS}.BussinessDocType", f"{_AT_BUSSINESS}/bussiness_doc_type")
    yield from allowed(kind, BUSSINESS_TYPE, f"{_BUSSINESS}.BussinessDocType", f"{_AT_BUSSINESS}/bussiness_doc_type")
    yield from allowed(bussiness.paper, FLAG, f"{_BUSSINESS}.Paper", f"{_AT_BUSSINESS}/paper")
    if kind in _REASONED and not present(bussiness.bussiness_doc_reason):
        yield missing(f"{_BUSSINESS}.BussinessDocReason", f"{_AT_BUSSINESS}/bussiness_doc_reason")
    if kind == "1" and not packet.message_header.response_for:
        yield finding("N", "MessageHeader.ResponseFor", "/message_header/response_for", _RECALL_NEEDS)
    yield from _update(bussiness)
    yield from _replacement(bussiness)


_REASONED = ("1", "2", "3")
_RECALL_NEEDS = Text(
    "Văn bản thu hồi phải nêu văn bản bị thu hồi trong ResponseFor, mỗi cơ quan nhận một mục.",
    "A recall must name the recalled document in ResponseFor, one entry for each receiver.",
)
_UPDATE_NEEDS = Text(
    "Văn bản cập nhật phải nêu những gì thay đổi trong BussinessDocumentInfo.",
    "An update must say in BussinessDocumentInfo what changes.",
)
_RECEIVERS_NEEDED = Text(
    "Đã ghi có thay đổi nơi nhận nhưng chưa liệt kê nơi nhận nào trong ReceiverList.",
    "The receivers are said to change, but ReceiverList names none.",
)
_REPLACE_NEEDS = Text(
    "Văn bản thay thế phải liệt kê văn bản bị thay thế trong ReplacementInfoList.",
    "A replacement must list the replaced documents in ReplacementInfoList.",
)
_REPLACED_FOR = Text(
    "Mỗi văn bản bị thay thế phải nêu ít nhất một cơ quan nhận trong OrganIdList.",
    "Each replaced document must name at least one receiver in OrganIdList.",
)
_ONLY_UPDATE = Text(
    "BussinessDocumentInfo chỉ dùng cho văn bản cập nhật (loại nghiệp vụ 2).",
    "BussinessDocumentInfo belongs to an update only (business type 2).",
)
_ONLY_REPLACE = Text(
    "ReplacementInfoList chỉ dùng cho văn bản thay thế (loại nghiệp vụ 3).",
    "ReplacementInfoList belongs to a replacement only (business type 3).",
)


def _update(bussiness: Bussiness) -> Iterator[Finding]:
    infos = bussiness.bussiness_document_info
    pointer = f"{_AT_BUSSINESS}/bussiness_document_info"
    if bussiness.bussiness_doc_type != "2":
        if infos:
            yield finding("M", _INFO, pointer, _ONLY_UPDATE)
        return
    if not present(bussiness.document_id):
        yield missing(f"{_BUSSINESS}.DocumentId", f"{_AT_BUSSINESS}/document_id")
    if not infos:
        yield finding("N", _INFO, pointer, _UPDATE_NEEDS)
    for at, info in enumerate(infos):
        yield from _update_info(info, f"{pointer}/{at}")


def _update_info(info: BussinessDocumentInfo, pointer: str) -> Iterator[Finding]:
    if not present(info.document_info) and not present(info.document_receiver):
        yield finding("N", _INFO, pointer, _UPDATE_NEEDS)
    yield from allowed(info.document_info, FLAG, f"{_INFO}.DocumentInfo", f"{pointer}/document_info")
    yield from allowed(info.document_receiver, FLAG, f"{_INFO}.DocumentReceiver", f"{pointer}/document_receiver")
    if info.document_receiver == "1" and not info.receiver_list:
        yield finding("N", f"{_INFO}.ReceiverList", f"{pointer}/receiver_list", _RECEIVERS_NEEDED)
    for at, receiver in enumerate(info.receiver_list):
        here = f"{pointer}/receiver_list/{at}"
        path = f"{_INFO}.ReceiverList.Receiver"
        wanted = (
            (receiver.organ_id, "OrganId", "/organ_id"),
            (receiver.receiver_type, "ReceiverType", "/receiver_type"),
        )
        yield from required(wanted, path, here)
        yield from allowed(receiver.receiver_type, FLAG, f"{path}.ReceiverType", f"{here}/receiver_type")


def _replacement(bussiness: Bussiness) -> Iterator[Finding]:
    replaced = bussiness.replacement_info_list
    pointer = f"{_AT_BUSSINESS}/replacement_info_list"
    if bussiness.bussiness_doc_type != "3":
        if replaced:
            yield finding("M", _REPLACEMENT, pointer, _ONLY_REPLACE)
        return
    if not replaced:
        yield finding("N", _REPLACEMENT, pointer, _REPLACE_NEEDS)
    for at, info in enumerate(replaced):
        here = f"{pointer}/{at}"
        yield from required([(info.document_id, "DocumentId", "/document_id")], _REPLACEMENT, here)
        if not any(present(code) for code in info.organ_id_list):
            yield finding("N", f"{_REPLACEMENT}.OrganIdList.OrganId", f"{here}/organ_id_list", _REPLACED_FOR)
