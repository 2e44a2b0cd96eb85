"""Why a key cannot be used, for people: each reason with what it means and what to do, in both languages."""

from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from gateway.problems import Text
from gateway.signing.certificates import Flaw


class Fault(StrEnum):
    """What is wrong with a key beside its certificate's own flaws (`Flaw`)."""

    SOURCE = "source_unreadable"
    PHRASE_SOURCE = "passphrase_source_unreadable"
    PHRASE_WRONG = "passphrase_wrong"
    UNREADABLE = "key_unreadable"
    CERTIFICATE_MISSING = "certificate_missing"
    MISMATCH = "certificate_mismatch"
    ALGORITHM = "algorithm_mismatch"
    CHAIN_EXPIRED = "chain_expired"
    REVOKED = "revoked"
    SIGNATURE = "signature_wrong"
    MODULE = "module_unusable"
    FORKED = "module_forked"
    MISSING = "token_missing"
    SEVERAL = "token_ambiguous"
    LOST = "token_lost"
    BUSY = "token_busy"
    ERROR = "token_error"
    KEY_MISSING = "key_missing"
    KEY_AMBIGUOUS = "key_ambiguous"
    MECHANISM = "mechanism_missing"
    PIN_SOURCE = "pin_source_unreadable"
    PIN_WRONG = "pin_wrong"
    PIN_REFUSED_BEFORE = "pin_refused_before"
    PIN_BEING_TRIED = "pin_being_tried"
    PIN_UNSETTLED = "pin_unsettled"
    PIN_LOCKED = "pin_locked"
    PIN_LAST_TRY = "pin_last_try"
    PIN_EXPIRED = "pin_expired"
    PIN_NOT_SET = "pin_not_set"


class Explanation(NamedTuple):
    """What is the matter, and what to do."""

    text: Text
    action: Text


_NEW_CERTIFICATE = Text(
    "Xin cấp chứng thư mới, thêm khóa mới bằng 'gateway keys add', rồi 'gateway keys retire' khóa này.",
    "Have a new certificate issued, add it with 'gateway keys add', then 'gateway keys retire' this one.",
)
_CHECK_TOKEN = Text(
    "Kiểm tra thiết bị, cáp, dịch vụ HSM; cổng tự thử lại, không cần khởi động lại.",
    "Look at the device, its line and service; the gateway tries again by itself, without a restart.",
)
_PIN = Text(
    "Ghi đúng PIN vào tệp hoặc biến môi trường; PIN mới được thử ngay. Cùng PIN đó chỉ được thử lại bằng "
    "'gateway keys check TÊN --again'.",
    "Put the right PIN into its file or variable; a new one is tried at once. The same one is tried again only by "
    "'gateway keys check NAME --again'.",
)

EXPLANATIONS: MappingProxyType[str, Explanation] = MappingProxyType(
    {
        Flaw.UNREADABLE: Explanation(
            Text("Chứng thư không đọc được.", "The certificate cannot be read."),
            Text("Dùng tệp chứng thư X.509 dạng PEM hoặc DER.", "Use an X.509 certificate, PEM or DER."),
        ),
        Flaw.WEAK_KEY: Explanation(
            Text("Khóa RSA ngắn hơn 2048 bit.", "The RSA key has fewer than 2048 bits."), _NEW_CERTIFICATE
        ),
        Flaw.UNSUPPORTED_KEY: Explanation(
            Text(
                "Loại khóa không dùng được: chỉ RSA từ 2048 bit, ECDSA P-256 và P-384.",
                "A key of this kind is not used: only RSA from 2048 bits, ECDSA P-256 and P-384.",
            ),
            _NEW_CERTIFICATE,
        ),
        Flaw.KEY_USAGE: Explanation(
            Text(
                "Chứng thư không cho phép ký (keyUsage thiếu digitalSignature và nonRepudiation).",
                "The certificate may not sign (its key usage has neither digitalSignature nor nonRepudiation).",
            ),
            _NEW_CERTIFICATE,
        ),
        Flaw.PURPOSE: Explanation(
            Text(
                "Mục đích của chứng thư (extendedKeyUsage) không có trong GATEWAY_SIGNING_PURPOSES.",
                "None of the certificate's purposes (extended key usage) is in GATEWAY_SIGNING_PURPOSES.",
            ),
            Text("Dùng chứng thư khác, hoặc sửa cấu hình.", "Use another certificate, or change the setting."),
        ),
        Flaw.UNKNOWN_CRITICAL: Explanation(
            Text(
                "Chứng thư có phần mở rộng bắt buộc mà cổng không hiểu.",
                "The certificate has a critical extension that the gateway does not understand.",
            ),
            _NEW_CERTIFICATE,
        ),
        Flaw.NOT_YET_VALID: Explanation(
            Text(
                "Chứng thư chưa có hiệu lực, hoặc đồng hồ máy chủ chạy chậm.",
                "The certificate is not valid yet, or this server's clock is slow.",
            ),
            Text(
                "Kiểm tra đồng hồ máy chủ (NTP), rồi ngày hiệu lực.", "Check the server's clock (NTP), then the dates."
            ),
        ),
        Flaw.EXPIRED: Explanation(Text("Chứng thư đã hết hạn.", "The certificate has expired."), _NEW_CERTIFICATE),
        Fault.SOURCE: Explanation(
            Text("Không đọc được nơi lưu khóa hoặc chứng thư.", "The key's or the certificate's place cannot be read."),
            Text("Kiểm tra đường dẫn, quyền đọc, biến môi trường.", "Check the path, its rights, the variable."),
        ),
        Fault.PHRASE_SOURCE: Explanation(
            Text("Không đọc được nơi lưu mật khẩu của khóa.", "The place of the key's passphrase cannot be read."),
            Text("Kiểm tra tệp (quyền đọc) hoặc biến môi trường.", "Check the file (and its rights), or the variable."),
        ),
        Fault.PHRASE_WRONG: Explanation(
            Text("Mật khẩu của khóa sai, thừa hoặc thiếu.", "The key's passphrase is wrong, missing, or not needed."),
            Text("Sửa tệp hoặc biến chứa mật khẩu.", "Correct the file or variable that holds it."),
        ),
        Fault.UNREADABLE: Explanation(
            Text("Tệp khóa không đọc được.", "The key file cannot be read."),
            Text("Dùng khóa PEM hoặc PKCS#12 (.p12, .pfx).", "Use a PEM key or PKCS#12 (.p12, .pfx)."),
        ),
        Fault.CERTIFICATE_MISSING: Explanation(
            Text("Không tìm thấy chứng thư của khóa.", "The key's certificate was not found."),
            Text("Ghi rõ bằng --certificate.", "Name it with --certificate."),
        ),
        Fault.MISMATCH: Explanation(
            Text("Chứng thư không khớp với khóa.", "The certificate does not belong to the key."),
            Text("Đặt đúng cặp khóa và chứng thư.", "Put the right key and certificate together."),
        ),
        Fault.ALGORITHM: Explanation(
            Text("Thuật toán đã chọn không hợp với loại khóa.", "The algorithm chosen does not fit the key."),
            Text("Thêm lại khóa với --algorithm đúng.", "Add the key again with the right --algorithm."),
        ),
        Fault.CHAIN_EXPIRED: Explanation(
            Text(
                "Chứng thư của cơ quan cấp (CA) đã hết hạn hoặc chưa có hiệu lực.",
                "An issuer's certificate (CA) has expired, or is not valid yet.",
            ),
            Text(
                "Thêm chứng thư CA mới bằng 'gateway trust add', hoặc xin chứng thư mới.",
                "Add the CA's new certificate with 'gateway trust add', or have a new one issued.",
            ),
        ),
        Fault.REVOKED: Explanation(
            Text("Chứng thư đã bị thu hồi.", "The certificate has been revoked."), _NEW_CERTIFICATE
        ),
        Fault.SIGNATURE: Explanation(
            Text("Thiết bị trả về chữ ký sai.", "The token gave a wrong signature."), _CHECK_TOKEN
        ),
        Fault.MODULE: Explanation(
            Text("Không nạp được thư viện PKCS#11.", "The PKCS#11 library cannot be loaded."),
            Text("Kiểm tra GATEWAY_SIGNING_PKCS11_MODULE.", "Check GATEWAY_SIGNING_PKCS11_MODULE."),
        ),
        Fault.FORKED: Explanation(
            Text("Thư viện PKCS#11 được nạp ở tiến trình cha.", "The PKCS#11 library was loaded by a parent process."),
            Text("Khởi động lại cổng.", "Restart the gateway."),
        ),
        Fault.MISSING: Explanation(
            Text("Không thấy thiết bị (token) mang nhãn này.", "No token with this label is there."), _CHECK_TOKEN
        ),
        Fault.SEVERAL: Explanation(
            Text("Có nhiều thiết bị cùng nhãn.", "Several tokens have this label."),
            Text("Đổi nhãn để mỗi thiết bị một nhãn.", "Give each token a label of its own."),
        ),
        Fault.LOST: Explanation(
            Text("Mất liên lạc với thiết bị trong lúc dùng.", "The token was lost while in use."), _CHECK_TOKEN
        ),
        Fault.BUSY: Explanation(
            Text("Thiết bị bận, chờ quá lâu không tới lượt.", "The token is busy: no turn came in time."), _CHECK_TOKEN
        ),
        Fault.ERROR: Explanation(Text("Thiết bị báo lỗi.", "The token reports an error."), _CHECK_TOKEN),
        Fault.KEY_MISSING: Explanation(
            Text("Thiết bị không có khóa mang nhãn này.", "The token holds no key with this label."),
            Text("Kiểm tra nhãn khóa trên thiết bị.", "Check the key's label on the token."),
        ),
        Fault.KEY_AMBIGUOUS: Explanation(
            Text("Thiết bị có nhiều khóa cùng nhãn.", "Several keys on the token have this label."),
            Text("Đổi nhãn để mỗi khóa một nhãn.", "Give each key a label of its own."),
        ),
        Fault.MECHANISM: Explanation(
            Text("Thiết bị không có thuật toán ký này.", "The token does not know this way of signing."),
            Text("Chọn --algorithm khác.", "Choose another --algorithm."),
        ),
        Fault.PIN_SOURCE: Explanation(
            Text("Không đọc được nơi lưu PIN.", "The place of the PIN cannot be read."),
            Text("Kiểm tra tệp (quyền đọc) hoặc biến môi trường.", "Check the file (and its rights), or the variable."),
        ),
        Fault.PIN_WRONG: Explanation(Text("PIN sai.", "The PIN is wrong."), _PIN),
        Fault.PIN_REFUSED_BEFORE: Explanation(
            Text(
                "PIN này đã bị thiết bị từ chối; cổng không thử lại để thiết bị khỏi bị khóa.",
                "The token has refused this PIN before; it is not tried again, so that the token does not lock.",
            ),
            _PIN,
        ),
        Fault.PIN_BEING_TRIED: Explanation(
            Text("Tiến trình khác đang thử PIN này.", "Another process is trying this PIN just now."),
            Text("Chờ một phút.", "Wait a minute."),
        ),
        Fault.PIN_UNSETTLED: Explanation(
            Text(
                "Một lần thử PIN này bị ngắt giữa chừng, không rõ kết quả; cổng không tự thử lại.",
                "A try of this PIN was cut off and its result is not known; it is not tried again by itself.",
            ),
            _PIN,
        ),
        Fault.PIN_LOCKED: Explanation(
            Text("Thiết bị đã khóa PIN.", "The token has locked its PIN."),
            Text(
                "Mở khóa bằng công cụ của nhà cung cấp (SO PIN), đặt PIN mới, rồi ghi vào tệp.",
                "Unlock it with the vendor's tool (SO PIN), set a new PIN and put it into its file.",
            ),
        ),
        Fault.PIN_LAST_TRY: Explanation(
            Text(
                "Thiết bị chỉ còn một lần thử PIN; cổng không tự thử.",
                "The token has one try of the PIN left; the gateway does not take it by itself.",
            ),
            Text(
                "Kiểm tra kỹ PIN rồi chạy 'gateway keys check TÊN --again'.",
                "Make sure of the PIN, then run 'gateway keys check NAME --again'.",
            ),
        ),
        Fault.PIN_EXPIRED: Explanation(
            Text("PIN đã hết hạn.", "The PIN has expired."),
            Text("Đổi PIN bằng công cụ của nhà cung cấp.", "Change it with the vendor's tool."),
        ),
        Fault.PIN_NOT_SET: Explanation(
            Text("Thiết bị chưa đặt PIN người dùng.", "The token has no user PIN yet."),
            Text("Đặt PIN bằng công cụ của nhà cung cấp.", "Set one with the vendor's tool."),
        ),
    }
)
"""Every reason that KeyUnusable names."""


def explained(reason: str) -> Explanation:
    """What a reason means; a reason that no program of this version knows is shown as it is."""
    known = EXPLANATIONS.get(reason)
    return known or Explanation(Text(reason, reason), Text("Xem nhật ký.", "See the log."))
