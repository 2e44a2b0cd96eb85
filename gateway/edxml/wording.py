"""How findings are worded: each sentence once, in Vietnamese and English, with the field's own name."""

import unicodedata

from gateway.edxml.fields import FIELDS, code_of
from gateway.edxml.findings import Finding, Severity
from gateway.problems import Text


def missing(path: str, severity: Severity = Severity.WARNING, *, at: str = "", pointer: str | None = None) -> Finding:
    """N: an element is missing or empty. `at` says which of several."""
    vi, en = label(path)
    text = Text(f"Thiếu {vi} ({path}{at}).", f"Missing: {en} ({path}{at}).")
    return Finding(code_of("N", path), severity, text, pointer)


def too_long(path: str, length: int, longest: int, *, at: str = "", pointer: str | None = None) -> Finding:
    """R: more characters than the packet format gives the element."""
    vi, en = label(path)
    text = Text(
        f"{_capital(vi)} ({path}{at}) dài {length} ký tự, quá mức {longest}.",
        f"{_capital(en)} ({path}{at}) has {length} characters, more than {longest}.",
    )
    return Finding(code_of("R", path), Severity.WARNING, text, pointer)


def repeated(path: str, times: int, *, at: str = "", pointer: str | None = None) -> Finding:
    """M: an element that may stand once stands several times; the first was read."""
    vi, en = label(path)
    text = Text(
        f"{_capital(vi)} ({path}{at}) xuất hiện {times} lần; chỉ đọc lần đầu.",
        f"{_capital(en)} ({path}{at}) stands {times} times; only the first was read.",
    )
    return Finding(code_of("M", path), Severity.WARNING, text, pointer)


def odd(
    kind: str, path: str, vi: str, en: str, *, value: str | None = None, at: str = "", pointer: str | None = None
) -> Finding:
    """A warning about a value: `kind` is M, R or T; `vi` and `en` go on after the field's name."""
    name_vi, name_en = label(path)
    quoted = "" if value is None else f" “{shown(value)}”"
    text = Text(
        f"{_capital(name_vi)} ({path}{at}){quoted} {vi}.",
        f"{_capital(name_en)} ({path}{at}){quoted} {en}.",
    )
    return Finding(code_of(kind, path), Severity.WARNING, text, pointer)


def error(code: str, vi: str, en: str) -> Finding:
    """An error with sentences of its own."""
    return Finding(code, Severity.ERROR, Text(vi, en))


def warning(code: str, vi: str, en: str) -> Finding:
    """A warning with sentences of its own."""
    return Finding(code, Severity.WARNING, Text(vi, en))


def shown(value: str, longest: int = 60) -> str:
    """A short value fit for a message: one line, no control or direction characters."""
    plain = "".join(c if unicodedata.category(c)[0] not in "CZ" else " " for c in value[: longest + 1])
    return plain if len(plain) <= longest else plain[:longest] + "…"


def label(path: str) -> tuple[str, str]:
    """What people call the element at a path, in Vietnamese and in English; its wire name where it has no other."""
    field = FIELDS.get(path)
    if field is not None:
        return field.vi, field.en
    name = path.rpartition(".")[2]
    return _GROUPS.get(path, (name, name))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_GROUPS: dict[str, tuple[str, str]] = {
    "MessageHeader": ("phần đầu thông điệp", "message header"),
    "MessageHeader.From": ("bên gửi", "sender"),
    "MessageHeader.To": ("bên nhận", "receiver"),
    "MessageHeader.Code": ("số, ký hiệu văn bản", "number and symbol"),
    "MessageHeader.PromulgationInfo": ("thông tin ban hành", "issue data"),
    "MessageHeader.DocumentType": ("loại văn bản", "kind of document"),
    "MessageHeader.SignerInfo": ("người ký", "signer"),
    "MessageHeader.OtherInfo": ("thông tin khác", "other information"),
    "MessageHeader.ResponseFor": ("văn bản được phản hồi", "document answered"),
    "MessageHeader.ToPlaces": ("nơi nhận", "recipients named on the paper"),
    "MessageHeader.StaffInfo": ("cán bộ xử lý", "person responsible"),
    "TraceHeaderList": ("vết gửi nhận và nghiệp vụ", "trace and business part"),
    "TraceHeaderList.TraceHeader": ("vết gửi nhận", "hop"),
    "TraceHeaderList.Bussiness": ("thông tin nghiệp vụ", "business block"),
    "TraceHeaderList.Bussiness.BussinessDocumentInfo": ("thông tin được cập nhật", "data of the update"),
    "TraceHeaderList.Bussiness.ReplacementInfoList": ("danh sách văn bản bị thay thế", "list of replaced documents"),
    "TraceHeaderList.Bussiness.StaffInfo": ("cán bộ xử lý", "person responsible"),
    "Attachment": ("tệp đính kèm", "attachment"),
    "AttachmentName": ("tên tệp đính kèm", "name of the attachment"),
    "Attachment.ContentId": ("mã tệp (ContentId)", "content id of the attachment"),
    "Attachment.ContentType": ("kiểu tệp (ContentType)", "content type of the attachment"),
    "Attachment.ContentTransferEncoded": ("nội dung tệp", "content of the attachment"),
    "AttachmentEncoded": ("phần tệp đính kèm", "part with the attachments"),
    "Reference": ("mục trong bảng kê tệp (edXMLManifest)", "manifest entry"),
    "Signature": ("chữ ký gói tin", "packet signature"),
}
