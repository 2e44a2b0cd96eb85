"""Why the facts about a packet's signature of the profile are as they are, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.problems import Text
from gateway.signing.facts import Reason, reason


class Malformed(Exception):
    """The signature does not keep to the closed grammar of its scheme; `word` says in what."""

    def __init__(self, word: str, part: str | None = None) -> None:
        super().__init__(word)
        self.word = word
        self.part = part

    @property
    def reason(self) -> Reason:
        """The same for people."""
        return why(self.word, self.part)


def why(word: str, part: str | None = None) -> Reason:
    """The reason `signature.<word>`, about a part where it is about one."""
    text = WORDS[word]
    if part is not None and part.startswith("file:"):
        number = part.removeprefix("file:")
        text = Text(text.vi.replace("{n}", number), text.en.replace("{n}", number))
    return reason(f"signature.{word}", text, part)


WORDS: Mapping[str, Text] = MappingProxyType(
    {
        "elsewhere": Text(
            "Gói tin có phần tử Signature không nằm trong edXMLHeader.",
            "A Signature element stands somewhere else than in edXMLHeader.",
        ),
        "not_one": Text("Gói tin có nhiều hơn một chữ ký.", "The packet holds more than one Signature."),
        "not_one_header": Text(
            "Gói tin có nhiều hơn một MessageHeader (hoặc edXMLHeader, edXMLEnvelope).",
            "The packet holds more than one MessageHeader (or edXMLHeader, edXMLEnvelope).",
        ),
        "kept_too_large": Text(
            "Phần tử Signature quá lớn hoặc có quá nhiều phần tử con nên không được đọc.",
            "The Signature element is too large, or has too many elements, to be looked at.",
        ),
        "unreadable": Text("Phần tử Signature không đọc được.", "The Signature element cannot be read."),
        "placeholder": Text(
            "Chữ ký chỉ là giá trị mẫu của bộ công cụ, không phải chữ ký thật.",
            "The signature is a sample value of the vendor's kit, not a real one.",
        ),
        "unknown_profile": Text(
            "Chữ ký theo phiên bản khác của hồ sơ chữ ký gói tin; phần mềm này không kiểm tra được.",
            "The signature is of another version of the packet signature profile, which this software cannot verify.",
        ),
        "other_scheme": Text(
            "Chữ ký không theo hồ sơ chữ ký gói tin.", "The signature is not one of the packet signature profile."
        ),
        "grammar": Text(
            "Chữ ký có phần tử, thuộc tính hoặc văn bản ngoài quy định, hoặc thiếu phần bắt buộc.",
            "The Signature holds an element, attribute or text that does not belong there, or lacks one that does.",
        ),
        "too_many_references": Text(
            "Chữ ký nêu quá nhiều thành phần.", "The Signature has more References than a packet can have parts."
        ),
        "reference_uri": Text(
            "Reference có URI không đúng quy định.", "A Reference has a URI that the profile does not know."
        ),
        "reference_order": Text(
            "Các Reference không đứng đúng thứ tự quy định.", "The References do not stand in the profile's order."
        ),
        "reference_twice": Text(
            "Một thành phần được nêu nhiều lần.", "A part is named by more than one Reference."
        ),
        "no_header_reference": Text(
            "Chữ ký không nêu phần đầu thông điệp.", "The Signature does not speak of the header."
        ),
        "canonicalization": Text(
            "Phép chuẩn hóa không phải Exclusive C14N.", "The CanonicalizationMethod is not exclusive C14N."
        ),
        "algorithm": Text(
            "Thuật toán ký không được chấp nhận.", "The SignatureMethod is not one that is accepted."
        ),
        "transforms": Text(
            "Phép biến đổi không đúng với thành phần được ký.", "A Transform is not the one of its part."
        ),
        "digest": Text("Thuật toán băm không phải SHA-256.", "A DigestMethod is not SHA-256."),
        "base64": Text("Giá trị base64 trong chữ ký bị hỏng.", "A base64 value of the signature is broken."),
        "digest_length": Text(
            "Độ dài giá trị băm không phải 32 byte.", "A DigestValue does not have 32 bytes."
        ),
        "certificate_large": Text("Chứng thư quá lớn.", "The certificate is too large."),
        "certificate": Text("Chứng thư không đọc được.", "The certificate cannot be read."),
        "der_number": Text(
            "Một số trong chứng thư âm, quá lớn hoặc mã hóa sai.",
            "A number in the certificate is negative, too large or not encoded as DER demands.",
        ),
        "weak_key": Text(
            "Khóa trong chứng thư quá yếu hoặc không an toàn (RSA dưới 2048 bit).",
            "The certificate's key is too weak or unsafe (RSA below 2048 bits).",
        ),
        "key_kind": Text(
            "Loại khóa hoặc đường cong của chứng thư không được chấp nhận.",
            "The certificate's kind of key, or its curve, is not one that is accepted.",
        ),
        "key_mismatch": Text(
            "Thuật toán ký không hợp với loại khóa của chứng thư.",
            "The SignatureMethod does not go with the certificate's kind of key.",
        ),
        "value_length": Text(
            "Độ dài chữ ký không khớp khóa (ECDSA phải là r||s).",
            "The SignatureValue's length is not that of the key's (ECDSA must be r||s).",
        ),
        "value": Text(
            "Chữ ký không khớp với khóa của chứng thư kèm theo.",
            "The signature value was not made with the key of the certificate that came with it.",
        ),
        "packet_unread": Text(
            "Gói tin không đọc được trọn vẹn nên không đối chiếu được với chữ ký.",
            "The packet could not be read as a whole, so it cannot be compared with the signature.",
        ),
        "header_changed": Text(
            "Phần đầu thông điệp hoặc danh sách tệp đã bị thay đổi sau khi ký.",
            "The header, or the list of files, was changed after it was signed.",
        ),
        "header_undecided": Text(
            "Không xác định được phần đầu thông điệp còn nguyên hay không, vì danh sách tệp được ký kèm dung lượng của tệp đã thay đổi hoặc bị thiếu.",
            "Whether the header is intact cannot be told: its list holds the size of a file that was changed or is missing.",
        ),
        "repeated": Text(
            "Một phần tử chỉ được có một lần xuất hiện nhiều lần nên không rõ phần nào đã ký.",
            "An element that may stand once stands several times, so that it is not clear which was signed.",
        ),
        "business_changed": Text(
            "Thông tin nghiệp vụ (Bussiness) đã bị thay đổi sau khi ký.",
            "The business block was changed after it was signed.",
        ),
        "business_missing": Text(
            "Thông tin nghiệp vụ (Bussiness) đã được ký nhưng không còn trong gói tin.",
            "The business block was signed but is no longer in the packet.",
        ),
        "business_not_covered": Text(
            "Thông tin nghiệp vụ (Bussiness) không được ký.", "The business block is not signed."
        ),
        "file_changed": Text(
            "Tệp đính kèm thứ {n} đã bị thay đổi sau khi ký.", "Attachment {n} was changed after it was signed."
        ),
        "file_missing": Text(
            "Tệp đính kèm thứ {n} đã được ký nhưng không có trong gói tin.",
            "Attachment {n} was signed but is not in the packet.",
        ),
        "file_unread": Text(
            "Tệp đính kèm thứ {n} không đọc được nên không đối chiếu được.",
            "Attachment {n} could not be read, so it cannot be compared.",
        ),
        "file_not_covered": Text("Tệp đính kèm thứ {n} không được ký.", "Attachment {n} is not signed."),
        "file_as_sent": Text(
            "Tệp đính kèm thứ {n} được ký ở dạng tệp nén như đã gửi, còn tệp giữ lại là tệp bên trong.",
            "Attachment {n} was signed as the archive that came; the file that was kept is the one inside it.",
        ),
        "file_as_entry": Text(
            "Tệp đính kèm thứ {n} được ký là tệp bên trong tệp nén, còn tệp giữ lại là tệp nén như đã gửi.",
            "Attachment {n} was signed as the file inside the archive; what was kept is the archive that came.",
        ),
        "receiver_added": Text(
            "Có nơi nhận do trục thêm vào trên đường đi, không nằm trong phần đã ký.",
            "A receiver was added on the way (by the axis) and is not signed.",
        ),
        "not_to_us": Text(
            "Mã của đơn vị ta không nằm trong danh sách nơi nhận đã ký.",
            "None of our codes stands among the signed receivers.",
        ),
        "time_far": Text(
            "Thời điểm ký do bên gửi ghi lệch quá 24 giờ so với lúc nhận.",
            "The time of signing that the sender states is more than 24 hours from the receipt.",
        ),
        "not_valid_then": Text(
            "Chứng thư không còn (hoặc chưa có) hiệu lực lúc nhận gói tin.",
            "The certificate was not within its dates when the packet came.",
        ),
        "seen_before": Text(
            "Chữ ký này đã đến đơn vị trước đây (gói tin lặp lại).",
            "This very signature came to the unit before (a duplicate).",
        ),
        "downgrade": Text(
            "Bên gửi này vẫn thường ký gói tin, nhưng gói tin này không có chữ ký hợp lệ.",
            "This sender has been signing its packets, but this one bears no signature that holds.",
        ),
        "another_signer": Text(
            "Gói tin được ký bằng chứng thư khác với chứng thư bên gửi vẫn dùng.",
            "The packet is signed with another certificate than those that this sender is known by.",
        ),
    }
)  # fmt: skip
"""By the last part of the code. `{n}` is a file's position."""
