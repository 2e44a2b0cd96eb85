"""Strict checks of what we are about to send: every rule gives an error finding, all rules in one look.

Sources: packet format 2.2 to 2.9 and 10.3, QĐ 28/2018 Đ10.2. What the law wants shown but systems often lack (kind,
signer, a file at all) is a warning. Findings are in wire order within each rule; none quotes document content.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.edxml import layout
from gateway.edxml.business import check_bussiness
from gateway.edxml.fields import ATTACHMENT_DESCRIPTION, ATTACHMENT_NAME, FIELDS, Field
from gateway.edxml.findings import Finding, Severity
from gateway.edxml.layout import Node
from gateway.edxml.model import DocumentPacket, MessageHeader, ResponseFor, StatusPacket
from gateway.edxml.rules import STATUS_CODE, TRUTH, Wanted, allowed, capital, finding, missing, present, required
from gateway.edxml.writer import ILLEGAL
from gateway.problems import Text

ORGAN_ID = re.compile(r"[A-Za-z0-9]+([.\-_][A-Za-z0-9]+)*")
"""Both code forms and all that is seen beside them (packet format 6.2). Whether a code exists, the directory knows."""

MOST_VALUES = 40_000
"""Values in one header. Ours: readers, our own too, bound the elements of a packet."""

MOST_FILES = 1_000
"""Attachments of one packet. Ours, for the same reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What is known of a file before its packet is written. `size` in bytes."""

    attachment_name: str
    size: int
    description: str | None = None


def check_document(packet: DocumentPacket, files: Sequence[FileFacts], today: date) -> tuple[Finding, ...]:
    """Everything wrong with a document packet before it is sent; `today` is the day in Vietnam."""
    header = packet.message_header
    nodes = [*layout.leaves(layout.document_header(packet)), *layout.leaves(layout.trace_header_list(packet))]
    return (
        *_required_of_document(header),
        *_texts(nodes),
        *_organ_ids(nodes),
        *_receivers(header),
        *_dates(header, today),
        *_numbers(header),
        *_responses(header.response_for),
        *_trace(packet),
        *check_bussiness(packet),
        *_files(files),
        *_desired(header, files, packet.business_type),
    )


def check_status(packet: StatusPacket) -> tuple[Finding, ...]:
    """Everything wrong with a status packet before it is sent."""
    header = packet.message_header
    nodes = list(layout.leaves(layout.status_header(packet)))
    wanted = (
        (header.from_.organ_id, "From.OrganId", "/from/organ_id"),
        (header.response_for.organ_id, "ResponseFor.OrganId", "/response_for/organ_id"),
        (header.response_for.code, "ResponseFor.Code", "/response_for/code"),
        (header.response_for.document_id, "ResponseFor.DocumentId", "/response_for/document_id"),
        (header.status_code, "StatusCode", "/status_code"),
        (layout.time_text(header.timestamp, header.timestamp_text), "Timestamp", "/timestamp"),
    )
    return (
        *required(wanted),
        *_texts(nodes),
        *_organ_ids(nodes),
        *_readable(
            header.response_for.promulgation_date,
            header.response_for.promulgation_date_text,
            "MessageHeader.ResponseFor.PromulgationDate",
            "/message_header/response_for/promulgation_date",
        ),
        *_readable(
            header.timestamp, header.timestamp_text, "MessageHeader.Timestamp", "/message_header/timestamp", _TIME
        ),
        *allowed(header.status_code, STATUS_CODE, "MessageHeader.StatusCode", "/message_header/status_code"),
    )


def _required_of_document(header: MessageHeader) -> Iterator[Finding]:
    info = header.promulgation_info
    wanted: list[Wanted] = [(header.from_.organ_id, "From.OrganId", "/from/organ_id")]
    wanted += [(to.organ_id, "To.OrganId", f"/to/{at}/organ_id") for at, to in enumerate(header.to)]
    wanted += [
        (header.document_id, "DocumentId", "/document_id"),
        (header.code.code_number, "Code.CodeNumber", "/code/code_number"),
        (header.code.code_notation, "Code.CodeNotation", "/code/code_notation"),
        (
            layout.date_text(info.promulgation_date, info.promulgation_date_text),
            "PromulgationInfo.PromulgationDate",
            "/promulgation_info/promulgation_date",
        ),
        (header.subject, "Subject", "/subject"),
    ]
    if not header.to:
        yield finding(
            "N",
            "MessageHeader.To",
            "/message_header/to",
            Text(
                "Chưa có cơ quan nhận nào; cần ít nhất một cơ quan nhận.",
                "There is no receiver; at least one is needed.",
            ),
        )
    yield from required(wanted)


def _texts(nodes: Sequence[Node]) -> Iterator[Finding]:
    if len(nodes) > MOST_VALUES:
        yield finding(
            "R",
            "MessageHeader",
            "/message_header",
            Text(
                f"Phần đầu gói tin có quá nhiều mục; tối đa {MOST_VALUES} giá trị.",
                f"The header holds too many values; at most {MOST_VALUES} are allowed.",
            ),
        )
        return
    for node in nodes:
        field = FIELDS[node.path]
        if ILLEGAL.search(node.text):
            yield finding("M", node.path, node.pointer, _illegal_text(field))
        if len(node.text) > field.length and node.path not in _JUDGED_BY_VALUE:
            yield finding("R", node.path, node.pointer, _too_long_text(field, len(node.text)))


_JUDGED_BY_VALUE = frozenset(path for path, field in FIELDS.items() if field.length in (1, 2, 5, 10, 19)) - {
    "MessageHeader.OtherInfo.TyperNotation"
}


def _organ_ids(nodes: Sequence[Node]) -> Iterator[Finding]:
    for node in nodes:
        if node.name != "OrganId" or ORGAN_ID.fullmatch(node.text):
            continue
        field = FIELDS[node.path]
        yield finding(
            "M",
            node.path,
            node.pointer,
            Text(
                f"{capital(field.vi)} chỉ được gồm chữ cái không dấu và chữ số, các nhóm cách nhau bằng dấu chấm.",
                f"The {field.en} may hold only unaccented letters and digits, in groups separated by dots.",
            ),
        )


def _receivers(header: MessageHeader) -> Iterator[Finding]:
    seen: Counter[str] = Counter()
    for at, organ in enumerate(header.to):
        code = (organ.organ_id or "").strip(layout.BLANKS)
        seen[code] += 1
        if code and seen[code] == 2:
            yield finding(
                "M",
                "Exist",
                f"/message_header/to/{at}/organ_id",
                Text(
                    "Một cơ quan nhận được ghi nhiều lần; mỗi cơ quan nhận chỉ ghi một lần.",
                    "A receiver is named more than once; name each receiver once.",
                ),
            )


_DATE = (
    Text("phải là một ngày có thật, dạng yyyy/MM/dd", "must be a real date written yyyy/MM/dd"),
    "yyyy/MM/dd",
)
_TIME = (
    Text("phải là thời điểm có thật, dạng yyyy/MM/dd HH:mm:ss", "must be a real time written yyyy/MM/dd HH:mm:ss"),
    "yyyy/MM/dd HH:mm:ss",
)


def _dates(header: MessageHeader, today: date) -> Iterator[Finding]:
    info = header.promulgation_info
    path = "MessageHeader.PromulgationInfo.PromulgationDate"
    pointer = "/message_header/promulgation_info/promulgation_date"
    yield from _readable(info.promulgation_date, info.promulgation_date_text, path, pointer)
    if info.promulgation_date is not None and info.promulgation_date > today:
        yield finding(
            "R",
            path,
            pointer,
            Text("Ngày ban hành không được sau ngày hôm nay.", "The issue date may not lie in the future."),
        )
    yield from _readable(header.due_date, header.due_date_text, "MessageHeader.DueDate", "/message_header/due_date")


def _readable(
    value: date | None, text: str | None, path: str, pointer: str, form: tuple[Text, str] = _DATE
) -> Iterator[Finding]:
    if value is not None or not present(text):
        return
    field = FIELDS[path]
    says = form[0]
    yield finding("T", path, pointer, Text(f"{capital(field.vi)} {says.vi}.", f"The {field.en} {says.en}."))


def _numbers(header: MessageHeader) -> Iterator[Finding]:
    other = header.other_info
    yield from _within(other.priority, 0, 4, "M", "OtherInfo.Priority", "/other_info/priority")
    yield from _within(header.steering_type, 0, 3, "M", "SteeringType", "/steering_type")
    yield from _within(header.document_type.type, 0, _JAVA_INT, "R", "DocumentType.Type", "/document_type/type")
    yield from _within(
        header.document_type.type_detail, -1, _JAVA_INT, "R", "DocumentType.TypeDetail", "/document_type/type_detail"
    )
    amounts = (
        (other.promulgation_amount, "OtherInfo.PromulgationAmount", "/other_info/promulgation_amount"),
        (other.page_amount, "OtherInfo.PageAmount", "/other_info/page_amount"),
    )
    for value, path, pointer in amounts:
        yield from _within(value, 0, 65_535, "R", path, pointer)
    yield from allowed(
        other.direction, TRUTH, "MessageHeader.OtherInfo.Direction", "/message_header/other_info/direction"
    )


_JAVA_INT = 2**31 - 1


def _within(value: int | None, low: int, high: int, kind: str, path: str, pointer: str) -> Iterator[Finding]:
    if value is None or low <= value <= high:
        return
    field = FIELDS[f"MessageHeader.{path}"]
    yield finding(
        kind,
        f"MessageHeader.{path}",
        f"/message_header{pointer}",
        Text(
            f"{capital(field.vi)} phải là số nguyên từ {low} đến {high}.",
            f"The {field.en} must be a whole number from {low} to {high}.",
        ),
    )


def _responses(responses: Sequence[ResponseFor]) -> Iterator[Finding]:
    for at, response in enumerate(responses):
        pointer = f"/message_header/response_for/{at}"
        wanted = (
            (response.organ_id, "OrganId", "/organ_id"),
            (response.code, "Code", "/code"),
            (response.document_id, "DocumentId", "/document_id"),
        )
        yield from required(wanted, "MessageHeader.ResponseFor", pointer)
        yield from _readable(
            response.promulgation_date,
            response.promulgation_date_text,
            "MessageHeader.ResponseFor.PromulgationDate",
            f"{pointer}/promulgation_date",
        )


def _trace(packet: DocumentPacket) -> Iterator[Finding]:
    for at, hop in enumerate(packet.trace_header_list.trace_headers):
        pointer = f"/trace_header_list/trace_headers/{at}"
        wanted = (
            (hop.organ_id, "OrganId", "/organ_id"),
            (layout.time_text(hop.timestamp, hop.timestamp_text), "Timestamp", "/timestamp"),
        )
        yield from required(wanted, "TraceHeaderList.TraceHeader", pointer)
        yield from _readable(
            hop.timestamp, hop.timestamp_text, "TraceHeaderList.TraceHeader.Timestamp", f"{pointer}/timestamp", _TIME
        )


def _files(files: Sequence[FileFacts]) -> Iterator[Finding]:
    if len(files) > MOST_FILES:
        yield finding(
            "R",
            "AttachmentEncoded.Attachment",
            "/attachments",
            Text(
                f"Có quá nhiều tệp đính kèm; tối đa {MOST_FILES} tệp.",
                f"There are too many attachments; at most {MOST_FILES} are allowed.",
            ),
        )
    for at, file in enumerate(files[:MOST_FILES]):
        pointer = f"/attachments/{at}"
        name = file.attachment_name
        if not present(name):
            yield finding(
                "N",
                "AttachmentName",
                f"{pointer}/attachment_name",
                Text("Tệp đính kèm chưa có tên.", "An attachment has no name."),
            )
        if len(name) > ATTACHMENT_NAME.length:
            yield finding(
                "R", "AttachmentName", f"{pointer}/attachment_name", _too_long_text(ATTACHMENT_NAME, len(name))
            )
        if _UNSAFE_NAME.search(name) or name in (".", ".."):
            yield finding(
                "M",
                "AttachmentName",
                f"{pointer}/attachment_name",
                Text(
                    "Tên tệp đính kèm không được chứa đường dẫn hoặc ký tự điều khiển.",
                    "The name of an attachment may hold no path and no control character.",
                ),
            )
        description = (file.description or "").strip(layout.BLANKS)
        if ILLEGAL.search(description):
            yield finding(
                "M", "Attachment.Description", f"{pointer}/description", _illegal_text(ATTACHMENT_DESCRIPTION)
            )
        if len(description) > ATTACHMENT_DESCRIPTION.length:
            yield finding(
                "R",
                "Attachment.Description",
                f"{pointer}/description",
                _too_long_text(ATTACHMENT_DESCRIPTION, len(description)),
            )
        if file.size == 0:
            yield finding(
                "N",
                "Attachment.ContentTransferEncoded",
                pointer,
                Text("Tệp đính kèm rỗng (0 byte).", "The attachment is empty (0 bytes)."),
            )


_UNSAFE_NAME = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f/\\\\\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Path separators, control characters, and the marks that turn the direction of writing to disguise an extension."""


def _desired(header: MessageHeader, files: Sequence[FileFacts], business_type: str) -> Iterator[Finding]:
    signer = header.signer_info
    wanted = (
        (header.document_type.type_name, "DocumentType.TypeName", "/document_type/type_name"),
        (signer.position if signer else None, "SignerInfo.Position", "/signer_info/position"),
        (signer.full_name if signer else None, "SignerInfo.FullName", "/signer_info/full_name"),
    )
    for value, path, pointer in wanted:
        if not present(value):
            yield missing(f"MessageHeader.{path}", f"/message_header{pointer}", Severity.WARNING)
    if not files and business_type in ("0", "3"):
        yield finding(
            "N",
            "AttachmentEncoded.Attachment",
            "/attachments",
            Text(
                "Gói tin không có tệp nào; văn bản và mọi phụ lục phải được gửi kèm (QĐ 28/2018 Đ10.1).",
                "The packet has no file; the document and all its annexes must go with it (QĐ 28/2018 Đ10.1).",
            ),
            Severity.WARNING,
        )


def _illegal_text(field: Field) -> Text:
    return Text(
        f"{capital(field.vi)} có ký tự điều khiển mà XML không cho phép.",
        f"The {field.en} holds a control character that XML does not allow.",
    )


def _too_long_text(field: Field, length: int) -> Text:
    return Text(
        f"{capital(field.vi)} dài {length} ký tự; tối đa {field.length} ký tự.",
        f"The {field.en} has {length} characters; at most {field.length} are allowed.",
    )
