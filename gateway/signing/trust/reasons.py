"""Why a certificate is trusted, is not, or cannot be judged: reasons for people, in both languages."""

from gateway.problems import Text
from gateway.signing.certificates import Flaw
from gateway.signing.facts import Reason, reason

NO_ANCHORS = reason(
    "trust.no_anchors",
    Text("Chưa có chứng thư gốc nào được ghim.", "No anchor has been pinned yet."),
)
NO_CHAIN = reason(
    "trust.no_chain",
    Text(
        "Không có chuỗi từ chứng thư gốc đã ghim tới chứng thư này: cơ quan cấp lạ, hoặc thiếu chứng thư trung gian.",
        "No chain leads from a pinned anchor to this certificate: a strange issuer, or an intermediate is missing.",
    ),
)
ISSUER_EXPIRED = reason(
    "trust.issuer_expired",
    Text("Chứng thư của cơ quan cấp đã hết hạn lúc đó.", "An issuer's certificate had expired then."),
)
ISSUER_NOT_YET_VALID = reason(
    "trust.issuer_not_yet_valid",
    Text("Chứng thư của cơ quan cấp chưa có hiệu lực lúc đó.", "An issuer's certificate was not valid yet then."),
)
REVOKED = reason("trust.revoked", Text("Chứng thư đã bị thu hồi.", "The certificate had been revoked."))
ISSUER_REVOKED = reason(
    "trust.issuer_revoked",
    Text("Chứng thư của cơ quan cấp đã bị thu hồi.", "An issuer's certificate had been revoked."),
)
REVOKED_LATER = reason(
    "trust.revoked_later",
    Text(
        "Chứng thư bị thu hồi sau thời điểm này; lúc đó còn hiệu lực.",
        "The certificate was revoked after this time; it was good then.",
    ),
)

_FLAWS: dict[Flaw, Text] = {
    Flaw.UNREADABLE: Text("Chứng thư không đọc được.", "The certificate cannot be read."),
    Flaw.WEAK_KEY: Text("Khóa RSA ngắn hơn 2048 bit.", "The RSA key has fewer than 2048 bits."),
    Flaw.UNSUPPORTED_KEY: Text("Loại khóa không được chấp nhận.", "A key of this kind is not accepted."),
    Flaw.KEY_USAGE: Text("Chứng thư không cho phép ký.", "The certificate may not sign (key usage)."),
    Flaw.PURPOSE: Text(
        "Mục đích của chứng thư không phải để ký gói tin.",
        "The certificate's purposes are none for signing packets (extended key usage).",
    ),
    Flaw.UNKNOWN_CRITICAL: Text(
        "Chứng thư có phần mở rộng bắt buộc mà cổng không hiểu.",
        "The certificate has a critical extension that the gateway does not understand.",
    ),
    Flaw.NOT_YET_VALID: Text("Chứng thư chưa có hiệu lực lúc đó.", "The certificate was not valid yet then."),
    Flaw.EXPIRED: Text("Chứng thư đã hết hạn lúc đó.", "The certificate had expired then."),
}


def of_flaw(flaw: Flaw) -> Reason:
    """A certificate's own flaw (`trust.expired`, `trust.key_usage`, …)."""
    return reason(f"trust.{flaw}", _FLAWS[flaw])


_UNDETERMINED: dict[str, Text] = {
    "no_address": Text(
        "chứng thư không ghi địa chỉ CRL, OCSP", "the certificate names no address of a CRL or an OCSP responder"
    ),
    "not_asked": Text("chưa hỏi cơ quan cấp", "the issuer has not been asked yet"),
    "no_chain": Text("không có chuỗi chứng thư để kiểm tra", "there is no chain to check answers with"),
    "host_not_allowed": Text(
        "máy chủ không có trong GATEWAY_SIGNING_REVOCATION_HOSTS", "its host is not in GATEWAY_SIGNING_REVOCATION_HOSTS"
    ),
    "address_not_allowed": Text("địa chỉ máy chủ bị cấm", "its host leads to a forbidden address"),
    "unreachable": Text("không kết nối được", "it cannot be reached"),
    "timeout": Text("không trả lời kịp", "no answer in time"),
    "http_status": Text("máy chủ trả lời lỗi", "the server answers with an error"),
    "too_large": Text("trả lời quá lớn", "the answer is too large"),
    "unreadable": Text("trả lời không đọc được", "the answer cannot be read"),
    "forged": Text("chữ ký của trả lời sai", "the answer's signature is wrong"),
    "weak": Text("trả lời ký bằng thuật toán yếu", "the answer is signed in a weak way"),
    "other_issuer": Text("trả lời của cơ quan cấp khác", "the answer is another issuer's"),
    "other_certificate": Text("trả lời về chứng thư khác", "the answer is about another certificate"),
    "responder_not_allowed": Text("nơi trả lời không được ủy quyền", "who answers is not authorised to"),
    "responder_refused": Text("nơi trả lời từ chối", "the responder refuses"),
    "unknown_to_responder": Text("nơi trả lời không biết chứng thư này", "the responder does not know the certificate"),
    "partial": Text("danh sách chỉ là một phần", "the list is only a part"),
    "stale": Text("trả lời đã cũ", "the answer is too old"),
    "from_the_future": Text("trả lời đề thời điểm tương lai", "the answer is dated in the future"),
    "after_expiry": Text(
        "trả lời có sau khi chứng thư hết hạn", "the answer was made after the certificate had expired"
    ),
}


def undetermined(why: str) -> Reason:
    """Revocation is not determined, and why."""
    text = _UNDETERMINED.get(why, Text(why, why))
    return reason(
        "trust.revocation_not_determined",
        Text(f"Chưa xác định được tình trạng thu hồi: {text.vi}.", f"Revocation is not determined: {text.en}."),
        part=why,
    )
