"""Why an ordinary XML signature is as it is, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.problems import Text
from gateway.signing.facts import Reason, reason


class Malformed(Exception):
    """The signature does not keep to the closed grammar; carries the reason."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.reason = why(word)


def why(word: str, part: str | None = None) -> Reason:
    """The reason `signature.<word>`."""
    return reason(f"signature.{word}", WORDS[word], part)


WORDS: Mapping[str, Text] = MappingProxyType(
    {
        "placeholder": Text(
            "Chữ ký chỉ là giá trị mẫu của bộ công cụ, không phải chữ ký thật.",
            "The signature is a sample value of the vendor's kit, not a real one.",
        ),
        "namespace": Text(
            "Chữ ký không nằm trong không gian tên XMLDSig (trục đã viết lại gói tin), không kiểm tra được.",
            "The signature is not in XMLDSig's namespace (the axis has re-written the packet); it cannot be verified.",
        ),
        "kept_too_large": Text(
            "Phần tử Signature quá lớn nên không được đọc.", "The Signature element is too large to be looked at."
        ),
        "packet_too_large": Text(
            "Gói tin lớn hơn giới hạn kiểm tra chữ ký XML (GATEWAY_XMLDSIG_PACKET_MB).",
            "The packet is larger than XML signatures are verified for (GATEWAY_XMLDSIG_PACKET_MB).",
        ),
        "not_one": Text(
            "Gói tin có nhiều hơn một chữ ký.",
            "The packet holds more than one Signature.",
        ),
        "place": Text(
            "Chữ ký không nằm ngay trong edXMLHeader.", "The Signature does not stand directly in edXMLHeader."
        ),
        "doctype": Text("Gói tin có khai báo DOCTYPE.", "The packet has a document type declaration."),
        "not_well_formed": Text(
            "Gói tin không phải XML đúng quy cách hoặc có mã hóa ký tự khác.",
            "The packet is not well-formed XML in UTF-8 or UTF-16.",
        ),
        "elements": Text("Gói tin có quá nhiều phần tử XML.", "The packet has too many XML elements."),
        "duplicate_id": Text("Hai phần tử mang cùng một Id.", "Two elements bear the same Id."),
        "relative_namespace": Text(
            "Gói tin dùng không gian tên tương đối, không chuẩn hóa (C14N) được.",
            "The packet uses a relative namespace URI, which cannot be canonicalised.",
        ),
        "grammar": Text(
            "Chữ ký có phần tử, thuộc tính hoặc văn bản ngoài quy định.",
            "The Signature holds an element, attribute or text that does not belong there.",
        ),
        "comment": Text(
            "Trong chữ ký có chú thích hoặc chỉ thị XML.",
            "A comment, processing instruction or entity stands inside the Signature.",
        ),
        "object": Text("Chữ ký mang Object (hoặc Manifest).", "The Signature carries an Object (or a Manifest)."),
        "references": Text(
            "Chữ ký phải có đúng một Reference; chữ ký này có số khác.",
            "A Signature has exactly one Reference; this one has another number.",
        ),
        "reference_uri": Text(
            'Reference không trỏ đến toàn bộ gói tin (URI="").',
            'The Reference does not speak of the whole packet (URI="").',
        ),
        "reference_type": Text("Reference có thuộc tính Type.", "The Reference has a Type."),
        "transforms": Text(
            "Phép biến đổi không được chấp nhận: chỉ enveloped-signature rồi một phép C14N.",
            "The Transforms are not accepted: enveloped-signature and then at most one C14N.",
        ),
        "canonicalization": Text(
            "Phép chuẩn hóa không được chấp nhận.", "The CanonicalizationMethod is not one that is accepted."
        ),
        "algorithm": Text(
            "Thuật toán ký không được chấp nhận.", "The SignatureMethod is not one that is accepted."
        ),
        "digest": Text("Thuật toán băm không được chấp nhận.", "The DigestMethod is not one that is accepted."),
        "base64": Text("Giá trị base64 trong chữ ký bị hỏng.", "A base64 value of the signature is broken."),
        "digest_length": Text(
            "Độ dài giá trị băm không khớp thuật toán.", "The DigestValue's length is not that of its algorithm."
        ),
        "value_length": Text(
            "Độ dài chữ ký không khớp khóa (ECDSA phải là r||s).",
            "The SignatureValue's length is not that of the key's (ECDSA must be r||s).",
        ),
        "key_info": Text(
            "KeyInfo chứa thứ khác ngoài chứng thư X.509.", "KeyInfo holds something other than X.509 certificates."
        ),
        "no_certificate": Text("Chữ ký không kèm chứng thư.", "No certificate comes with the signature."),
        "certificates": Text(
            "Không xác định được chứng thư của người ký trong các chứng thư kèm theo.",
            "Which of the certificates is the signer's cannot be told, or there are too many.",
        ),
        "certificate": Text("Chứng thư không đọc được.", "The certificate cannot be read."),
        "certificate_large": Text("Chứng thư quá lớn.", "The certificate is too large."),
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
        "sha1": Text(
            "Chữ ký dùng SHA-1, là thuật toán yếu.", "The signature uses SHA-1, which is weak."
        ),
        "sha1_not_accepted": Text(
            "Chữ ký dùng SHA-1 và cấu hình của đối tác không chấp nhận; không kiểm tra.",
            "The signature uses SHA-1, which this partner's setting does not accept; it was not verified.",
        ),
        "changed": Text(
            "Gói tin đã bị thay đổi sau khi ký.", "The packet was changed after it was signed."
        ),
        "value": Text(
            "Chữ ký không khớp với khóa của chứng thư kèm theo.",
            "The signature value was not made with the key of the certificate that came with it.",
        ),
        "not_computable": Text(
            "Thư viện không kiểm tra được chữ ký này.", "The library could not compute whether the signature verifies."
        ),
    }
)  # fmt: skip
"""By the last part of the code."""
