"""What the simulated axis demands of a signed request: a near time, a first time, the SDK's name, one form of hash."""

from collections import OrderedDict
from collections.abc import Sequence

from gateway.axis.settings import HashFileForm
from gateway.axis.vxp import wire
from gateway.axis.vxp.backend import ErrorCode, ServerFail
from gateway.axis.vxp.rules import PacketTerms, Rules
from gateway.axis.vxp.wire import Operation, Verified
from gateway.simulator.faults import FaultSet
from gateway.times import Clock

_REMEMBERED = 200_000
_FORMS = {"padded": HashFileForm.PADDED, "unpadded": HashFileForm.SDK, "either": None}
_STATUSES = {
    ErrorCode.BAD_CREDENTIALS: 401,
    ErrorCode.SENDER_NOT_REGISTERED: 403,
    ErrorCode.UNKNOWN_RECEIVER: 404,
    ErrorCode.SYSTEM_ERROR: 500,
}


class SimulatedRules(Rules):
    """The readings in force, as rules."""

    def __init__(self, faults: FaultSet, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def admit(self, operation: Operation, verified: Verified, headers: Sequence[tuple[bytes, bytes]]) -> None:  # noqa: ARG002 - all operations alike
        """Raises ServerFail 15 for a stale or repeated request and for a client that is not the SDK."""
        readings = self._faults.readings
        window, signed = readings.timestamp_window, verified.timestamp
        if window is not None and (signed is None or abs(signed - self._clock()) > window):
            raise ServerFail(ErrorCode.BAD_CREDENTIALS, "Timestamp không hợp lệ")
        if readings.client_name == "checked" and not _is_the_sdk(headers):
            raise ServerFail(ErrorCode.BAD_CREDENTIALS, "Phiên bản SDK không được hỗ trợ")
        if self._is_repeated(verified) and readings.replay == "refused":
            raise ServerFail(ErrorCode.BAD_CREDENTIALS, "Yêu cầu đã được gửi trước đó")

    def _is_repeated(self, verified: Verified) -> bool:
        key = bytes.fromhex(verified.hash_header)
        repeated = key in self._seen
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return repeated

    def packet_terms(self) -> PacketTerms:
        """How the hash is compared."""
        readings = self._faults.readings
        return PacketTerms(form=_FORMS[readings.hash_file], cuts_tail=readings.trailing_crlf == "cut")

    def refusal_status(self, fail: ServerFail) -> int:
        """400 and its neighbours, or 200."""
        if self._faults.readings.refusal_status == "200":
            return 200
        return next((status for code, status in _STATUSES.items() if code == fail.code), 400)


def _is_the_sdk(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    said = {name.lower(): value for name, value in headers}
    return (
        said.get(b"user-agent") == wire.USER_AGENT.encode() and said.get(b"xroadvnpt-version") == wire.VERSION.encode()
    )
