"""Why no valid answer came, in words: which layer spoke instead of the axis."""

from gateway.problems import Text


def reason_text(reason: str) -> tuple[Text, Text]:
    """What an adapter's short word means, and what to do; an unknown word is said as it is."""
    if reason in _KNOWN:
        return _KNOWN[reason]
    if reason.startswith("http_"):
        status = reason.removeprefix("http_")
        return (
            Text(f"Máy chủ trả lời HTTP {status}.", f"The server answers HTTP {status}."),
            Text(
                "Kiểm tra phần đường dẫn của địa chỉ; gửi mã này cho đơn vị vận hành trục.",
                "Check the endpoint's path; tell the axis's operator this status.",
            ),
        )
    return (
        Text(f"Trục không trả lời hợp lệ ({reason}).", f"The axis gives no valid answer ({reason})."),
        Text("Thử lại; nếu còn lỗi, báo đơn vị vận hành trục.", "Try again; if it stays, tell the axis's operator."),
    )


def _proxy(status: int) -> tuple[Text, Text]:
    return (
        Text(
            f"Máy chủ trung gian (proxy) trả lời HTTP {status}: adapter của trục phía sau không phản hồi.",
            f"A proxy answers HTTP {status}: the axis's adapter behind it does not respond.",
        ),
        Text(
            "Đường truyền và máy chủ trung gian vẫn tốt; báo đơn vị vận hành khởi động lại adapter.",
            "Line and proxy are fine; ask the operator to bring the adapter back.",
        ),
    )


_NOT_AN_AXIS = (
    Text(
        "Có trả lời nhưng không phải của trục (không phải JSON đúng giao thức).",
        "There is an answer, but not an axis's: it is not the protocol's JSON.",
    ),
    Text(
        "Kiểm tra địa chỉ kết nối (phần đường dẫn); có thể một trang đăng nhập hoặc tường lửa trả lời thay.",
        "Check the endpoint's path; a login page or a firewall may be answering instead.",
    ),
)

_KNOWN: dict[str, tuple[Text, Text]] = {
    "http_502": _proxy(502),
    "http_503": _proxy(503),
    "http_504": _proxy(504),
    "http_404": (
        Text("Máy chủ trả lời HTTP 404: không có chức năng này.", "The server answers HTTP 404: no such operation."),
        Text(
            "Kiểm tra phần đường dẫn của địa chỉ, ví dụ /XrdAdapter/adapter.",
            "Check the endpoint's path, for example /XrdAdapter/adapter.",
        ),
    ),
    "not_json": _NOT_AN_AXIS,
    "keys_missing": _NOT_AN_AXIS,
    "bad_envelope": _NOT_AN_AXIS,
    "timeout": (
        Text("Trục nhận yêu cầu nhưng không trả lời kịp.", "The axis takes the request but does not answer in time."),
        Text("Thử lại sau; nếu còn lỗi, báo đơn vị vận hành trục.", "Try again later, then tell the axis's operator."),
    ),
    "cut": (
        Text("Kết nối bị cắt giữa chừng khi đang trả lời.", "The connection is cut in the middle of the answer."),
        Text(
            "Kiểm tra tường lửa, proxy và độ ổn định của đường truyền.",
            "Check the firewall, the proxy and how stable the line is.",
        ),
    ),
    "not_whole": (
        Text("Trục trả lời nhưng gói tin không trọn vẹn.", "The axis answers, but with no whole packet."),
        Text("Thử lại sau; nếu còn lỗi, báo đơn vị vận hành trục.", "Try again later, then tell the axis's operator."),
    ),
    "tls": (
        Text("Lỗi mã hóa TLS khi gọi trục.", "TLS fails when the axis is called."),
        Text("Kiểm tra chứng thư và tệp CA.", "Check the certificate and the CA file."),
    ),
    "connect": (
        Text("Không kết nối được tới trục.", "The axis cannot be reached."),
        Text("Kiểm tra đường truyền và tường lửa.", "Check the line and the firewall."),
    ),
}
