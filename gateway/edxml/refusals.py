"""The findings of the container, code X: XML that is broken, hostile, or of another format. All in one place."""

from gateway.edxml.findings import Finding
from gateway.edxml.limits import Limits
from gateway.edxml.wording import error, shown, warning

DOCTYPE = error(
    "X.Doctype",
    "Gói tin có khai báo DOCTYPE; không chấp nhận vì lý do an toàn.",
    "The packet holds a DOCTYPE declaration, which is refused for safety.",
)

OLD_FORM = error(
    "X.OldForm",
    "Đây là gói tin SOAP theo định dạng cũ năm 2013 (Công văn 512, 2803); bên gửi cần gửi theo QCVN 102:2016.",
    "This is a SOAP packet of the old form of 2013 (documents 512 and 2803); the sender has to use QCVN 102:2016.",
)

EMPTY = error("X.Empty", "Gói tin rỗng, không có nội dung XML.", "The packet is empty: it holds no XML.")

LGSP = warning(
    "X.Namespace",
    "Gói tin dùng không gian tên của biến thể LGSP (http://www.go.vn/eDoc); vẫn đọc được.",
    "The packet uses the namespace of the LGSP variant (http://www.go.vn/eDoc); it was read all the same.",
)


def unknown_root(name: str) -> Finding:
    """The root element is not edXML."""
    return error(
        "X.Root",
        f"Phần tử gốc là “{shown(name)}”, không phải “edXML”: đây không phải gói tin QCVN 102:2016.",
        f"The root element is “{shown(name)}”, not “edXML”: this is no packet of QCVN 102:2016.",
    )


def unknown_namespace(namespace: str) -> Finding:
    """The root element stands in no namespace that we know."""
    return error(
        "X.Namespace",
        f"Không gian tên “{shown(namespace)}” không phải của QCVN 102:2016.",
        f"The namespace “{shown(namespace)}” is not that of QCVN 102:2016.",
    )


def no_namespace() -> Finding:
    """The root element stands in no namespace at all."""
    return error(
        "X.Namespace",
        "Phần tử gốc không khai báo không gian tên của QCVN 102:2016.",
        "The root element does not declare the namespace of QCVN 102:2016.",
    )


def undeclared_prefix(prefix: str, line: int) -> Finding:
    """A usual prefix is used without a declaration; it was read as if it had one."""
    return warning(
        "X.Prefix",
        f"Tiền tố “{shown(prefix)}:” chưa khai báo (dòng {line}); đã hiểu theo không gian tên thường dùng.",
        f"The prefix “{shown(prefix)}:” is not declared (line {line}); it was read with its usual namespace.",
    )


def unknown_prefix(prefix: str, line: int) -> Finding:
    """A prefix that means nothing is used without a declaration."""
    return error(
        "X.NotWellFormed",
        f"XML không đúng cú pháp: tiền tố “{shown(prefix)}:” chưa khai báo (dòng {line}).",
        f"The XML is not well-formed: the prefix “{shown(prefix)}:” is not declared (line {line}).",
    )


def not_well_formed(line: int, column: int, detail: str) -> Finding:
    """The parser refuses the XML. `detail` is the parser's own sentence."""
    return error(
        "X.NotWellFormed",
        f"XML không đúng cú pháp tại dòng {line}, cột {column}: {shown(detail, 160)}.",
        f"The XML is not well-formed at line {line}, column {column}: {shown(detail, 160)}.",
    )


def not_xml(line: int, column: int) -> Finding:
    """No element begins where one has to."""
    return error(
        "X.NotWellFormed",
        f"Dữ liệu không bắt đầu bằng XML (dòng {line}, cột {column}).",
        f"The data does not begin as XML (line {line}, column {column}).",
    )


def unmatched_tag(line: int, opened: str, opened_line: str, closed: str) -> Finding:
    """An end tag that is not that of the element which is open."""
    opened, closed = shown(opened), shown(closed)
    return error(
        "X.NotWellFormed",
        f"XML không đúng cú pháp tại dòng {line}: thẻ <{opened}> mở ở dòng {opened_line} chưa đóng mà đã gặp </{closed}>.",
        f"The XML is not well-formed at line {line}: <{opened}> of line {opened_line} is still open where </{closed}> stands.",
    )


def truncated(line: int, column: int, size: int) -> Finding:
    """The bytes end inside the document."""
    return error(
        "X.Truncated",
        f"Gói tin bị cắt cụt: dữ liệu hết sau {size} byte (dòng {line}, cột {column}) khi XML chưa kết thúc.",
        f"The packet is cut off: the data ends after {size} bytes (line {line}, column {column}) inside the XML.",
    )


def truncated_tag(size: int) -> Finding:
    """The bytes end inside a start tag."""
    return error(
        "X.Truncated",
        f"Gói tin bị cắt cụt: dữ liệu hết sau {size} byte, ngay giữa một thẻ XML.",
        f"The packet is cut off: the data ends after {size} bytes, inside an XML tag.",
    )


def bad_encoding(name: str) -> Finding:
    """Another encoding than UTF-8 and UTF-16, or bytes that are not what the declaration says."""
    return error(
        "X.Encoding",
        f"Bảng mã “{shown(name)}” không được chấp nhận; gói tin phải dùng UTF-8 hoặc UTF-16.",
        f"The encoding “{shown(name)}” is not accepted; a packet has to be in UTF-8 or UTF-16.",
    )


def broken_encoding(line: int) -> Finding:
    """Bytes that are not text in the packet's encoding."""
    return error(
        "X.Encoding",
        f"Dữ liệu không đúng bảng mã của gói tin (dòng {line}).",
        f"The bytes are not text in the packet's encoding (line {line}).",
    )


def mislabelled_encoding(declared: str, real: str) -> Finding:
    """The declaration names another encoding than the byte order mark; the mark was believed."""
    return warning(
        "X.Encoding",
        f"Khai báo bảng mã “{shown(declared)}” không khớp với dữ liệu; đã đọc theo {real}.",
        f"The declared encoding “{shown(declared)}” does not match the data; it was read as {real}.",
    )


def undefined_entity(line: int, column: int) -> Finding:
    """A reference to an entity that no packet can define."""
    return error(
        "X.Entity",
        f"Gói tin tham chiếu một thực thể XML không được định nghĩa (dòng {line}, cột {column}).",
        f"The packet refers to an XML entity that is not defined (line {line}, column {column}).",
    )


def trailing_content(line: int, column: int) -> Finding:
    """Something follows the end of the document: another document, or text."""
    return error(
        "X.NotWellFormed",
        f"Có dữ liệu thừa sau khi XML kết thúc (dòng {line}, cột {column}).",
        f"Something follows the end of the XML document (line {line}, column {column}).",
    )


def packet_too_large(limits: Limits) -> Finding:
    """More bytes than a packet may have."""
    return _over("X.PacketSize", "dung lượng gói tin", "bytes of the packet", limits.packet_bytes)


def token_too_long(limits: Limits) -> Finding:
    """One tag, comment, CDATA section or declaration is unreasonably long."""
    return _over(
        "X.Token",
        "độ dài (byte) của một thẻ, chú thích hoặc đoạn CDATA",
        "bytes of one tag, comment or CDATA section",
        limits.silent_bytes,
    )


def header_too_large(limits: Limits) -> Finding:
    """More text outside the attachments than a header may have."""
    return _over(
        "X.HeaderSize",
        "số ký tự ngoài phần nội dung tệp",
        "characters outside the files' content",
        limits.header_characters,
    )


def too_many_elements(limits: Limits) -> Finding:
    """Too many elements."""
    return _over("X.Elements", "số phần tử XML", "XML elements", limits.elements)


def too_deep(limits: Limits) -> Finding:
    """Elements nested too deeply."""
    return _over("X.Depth", "độ sâu lồng nhau của XML", "levels of nested XML elements", limits.depth)


def too_many_attributes(limits: Limits) -> Finding:
    """Too many attributes, or too long ones."""
    return error(
        "X.Attributes",
        f"Thuộc tính XML quá nhiều hoặc quá dài (tối đa {limits.attributes} thuộc tính trong gói tin, "
        f"{limits.attribute_characters} ký tự trong một thẻ).",
        f"XML attributes are too many or too long (at most {limits.attributes} in a packet, "
        f"{limits.attribute_characters} characters in one tag).",
    )


def name_too_long(limits: Limits) -> Finding:
    """An element's name is too long."""
    return _over("X.Name", "số ký tự của tên phần tử XML", "characters of an element's name", limits.name_characters)


def too_many_names(limits: Limits) -> Finding:
    """Too many different names, or too long ones all together."""
    return _over("X.Names", "số tên gọi khác nhau trong XML", "different names in the XML", limits.names)


def comment_too_long(limits: Limits) -> Finding:
    """A comment or processing instruction is too long."""
    return _over("X.Comment", "số ký tự của một chú thích XML", "characters of a comment", limits.comment_characters)


def too_many_events(limits: Limits) -> Finding:
    """The text is cut into too many pieces by character references and empty tags."""
    return _over("X.Events", "số mảnh của nội dung XML", "pieces that the XML is cut into", limits.events)


def too_many_attachments(limits: Limits) -> Finding:
    """Too many attachments."""
    return _over("A.Count", "số tệp đính kèm", "attachments", limits.attachments)


def value_too_large(path: str, limits: Limits) -> Finding:
    """One value of the header is unreasonably long."""
    return error(
        "X.TextSize",
        f"Giá trị của {path} quá {limits.text_characters} ký tự.",
        f"The value of {path} has more than {limits.text_characters} characters.",
    )


def unknown_element(path: str) -> Finding:
    """An element that the packet format does not know at this place; kept, not understood."""
    return warning(
        "X.Unknown",
        f"Không hiểu phần tử {shown(path, 160)}; đã lưu lại, không dùng đến.",
        f"The element {shown(path, 160)} is not known; it is kept and not used.",
    )


def stray_text(path: str) -> Finding:
    """Text where only elements belong."""
    return warning(
        "X.Text",
        f"Có chữ nằm ngoài các phần tử con của {shown(path, 160)}; đã bỏ qua.",
        f"Text stands between the elements of {shown(path, 160)}; it was left out.",
    )


def _over(code: str, vi: str, en: str, most: int) -> Finding:
    return error(code, f"Vượt giới hạn về {vi}: tối đa {most}.", f"Too many {en}: at most {most}.")
