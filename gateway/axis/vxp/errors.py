"""The axis's error codes as far as they are known, and what each means for what we do next (axis API 4)."""

from dataclasses import dataclass

from gateway.axis.port import ErrorClass
from gateway.problems import Text

OK = "0"
SYSTEM_ERROR = "20"


@dataclass(frozen=True, slots=True)
class KnownError:
    """One row of the table; `text` is our explanation, not the axis's sentence."""

    error_class: ErrorClass
    text: Text


# From a provincial guide, most likely the national one's table; the operator's own table has not been seen.
KNOWN: dict[str, KnownError] = {
    "10": KnownError(
        ErrorClass.PERMANENT_PACKET,
        Text("Trục cho rằng tệp gói tin không hợp lệ.", "The axis says the packet file is invalid."),
    ),
    "15": KnownError(
        ErrorClass.CONFIGURATION,
        Text(
            "Sai systemId hoặc khóa bí mật, hoặc chữ ký yêu cầu không đúng.",
            "Wrong systemId or secret, or a request signed wrongly.",
        ),
    ),
    "18": KnownError(
        ErrorClass.PERMANENT_RECIPIENT,
        Text("Trục không biết đơn vị nhận.", "The axis does not know the receiving unit."),
    ),
    "19": KnownError(
        ErrorClass.CONFIGURATION,
        Text(
            "Đơn vị gửi chưa đăng ký với trục dưới systemId này.",
            "The sending unit is not registered with the axis under this systemId.",
        ),
    ),
    SYSTEM_ERROR: KnownError(
        ErrorClass.TRANSIENT,
        Text("Trục gặp lỗi hệ thống.", "The axis had a system error."),
    ),
    "21": KnownError(
        ErrorClass.AMBIGUOUS,
        Text("Trục gặp lỗi khi xử lý tệp.", "The axis failed while processing the file."),
    ),
    "22": KnownError(
        ErrorClass.PERMANENT_PACKET,
        Text("Trục cho rằng gói tin sai định dạng edXML.", "The axis says the packet is not proper edXML."),
    ),
    "23": KnownError(
        ErrorClass.PERMANENT_RECIPIENT,
        Text("Đơn vị nhận đã bị khóa trên trục.", "The receiving unit is locked at the axis."),
    ),
}


def classify(code: str) -> ErrorClass:
    """What to do about a code. One that is not in the table is ambiguous: a few attempts, then a person."""
    known = KNOWN.get(code)
    return known.error_class if known else ErrorClass.AMBIGUOUS


def explain(code: str) -> Text:
    """The code in words, for a person."""
    known = KNOWN.get(code)
    if known:
        return known.text
    return Text(f"Mã lỗi {code} không có trong bảng mã đã biết.", f"Error code {code} is not in the known table.")
