"""What may be done with a thing on the desk, and what is best done. Pure."""

from gateway.axis.port import MessageType
from gateway.desk.model import Action
from gateway.documents.model import ArrivalState, Dispatch, DispatchState
from gateway.handover.model import DeliveryState
from gateway.problems import Text

_FAILED = (DispatchState.REJECTED, DispatchState.GIVEN_UP)
_APART = (ArrivalState.QUARANTINED, ArrivalState.STRANGER)

_SETTLE = Text(
    "Chưa rõ trục đã nhận hay chưa. Hỏi bên nhận hoặc đơn vị vận hành trục, rồi settle: arrived nếu đã tới, "
    "send_again nếu chưa.",
    "It is not known whether the axis has it. Ask the receiver or the axis's operator, then settle: arrived, or "
    "send_again.",
)
_STATUS = Text(
    "Trạng thái chưa gửi được; gửi lại không gây hại.", "The status could not be sent; sending it again harms nobody."
)
_REJECTED = Text(
    "Trục từ chối. Nếu sai nơi nhận: change_addressee; nếu trục đã sửa lỗi: send_again; không cần gửi nữa: discard.",
    "The axis refused it. Wrong receiver: change_addressee; corrected at the axis: send_again; not wanted: discard.",
)
_GIVEN_UP = Text(
    "Không gửi đi được trong thời hạn thử lại. Xem lý do từng lần, kiểm tra kết nối (gateway doctor), rồi send_again.",
    "It could not leave in the time for trying. See the reasons, check the line (gateway doctor), then send_again.",
)
_STRANGER = Text(
    "Không đơn vị nào của cổng là nơi nhận. Thêm đơn vị hoặc mã (gateway units) rồi read_again; nếu giao nhầm, discard.",
    "It is addressed to none of our units. Add the unit or code (gateway units), then read_again; else discard.",
)
_QUARANTINED = Text(
    "Đã để riêng. Sau khi nâng cấp hoặc đổi chính sách: read_again; đã báo bên gửi gửi lại: discard.",
    "It was set apart. After an upgrade or a change of policy: read_again; once the sender sends anew: discard.",
)
_REFUSED_HERE = Text(
    "Phần mềm QLVB&ĐH trả lại nhiều lần. Sửa nguyên nhân rồi send_again để giao lại; không nhận nữa: discard.",
    "The document system rejected it too often. Correct the cause, then send_again offers it anew; else discard.",
)
_NOTHING = Text("Không cần làm gì.", "Nothing to do.")


def of_dispatch(dispatch: Dispatch) -> tuple[tuple[Action, ...], Text]:
    """For a dispatch."""
    if dispatch.message_type is MessageType.STATUS:
        dead = dispatch.state in (*_FAILED, DispatchState.UNKNOWN)
        return ((Action.SEND_AGAIN, Action.DISCARD), _STATUS) if dead else ((), _NOTHING)
    if dispatch.state is DispatchState.UNKNOWN:
        return (Action.SETTLE,), _SETTLE
    if dispatch.state in _FAILED:
        advice = _REJECTED if dispatch.state is DispatchState.REJECTED else _GIVEN_UP
        return (Action.SEND_AGAIN, Action.CHANGE_ADDRESSEE, Action.RESEND, Action.DISCARD), advice
    return (), _NOTHING


def of_arrival(state: ArrivalState) -> tuple[tuple[Action, ...], Text]:
    """For an arrival."""
    if state not in _APART:
        return (), _NOTHING
    return (Action.READ_AGAIN, Action.DISCARD), _STRANGER if state is ArrivalState.STRANGER else _QUARANTINED


def of_delivery(state: DeliveryState) -> tuple[tuple[Action, ...], Text]:
    """For a delivery."""
    if state is not DeliveryState.SET_APART:
        return (), _NOTHING
    return (Action.SEND_AGAIN, Action.DISCARD), _REFUSED_HERE
