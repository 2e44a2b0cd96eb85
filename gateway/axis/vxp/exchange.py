"""One request and its answer: the signed request, time limits, what is logged of it, and what its failure is called."""

import asyncio
import email.utils
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import httpx2
import structlog

from gateway.axis.port import AxisRefused, AxisUnavailable, Exchange
from gateway.axis.settings import MB
from gateway.axis.vxp import errors, reading, wire
from gateway.axis.vxp.reading import Envelope
from gateway.axis.vxp.scanner import ScanError
from gateway.times import Clock, aware

log = structlog.get_logger(__name__)

T = TypeVar("T")

EXCERPT_BYTES = 500
MAX_RETRY_AFTER = 24 * 3600.0
NO_ANSWER = (httpx2.HTTPError, TimeoutError, OSError)
"""What a network does to a request; TimeoutError is our own limit."""


@dataclass(slots=True, kw_only=True)
class Call:
    """What is known of one exchange while it runs. `params` are the operation's own."""

    operation: wire.Operation
    params: Mapping[str, str]
    secret: str
    clock: Clock
    budget: "Budget"
    started: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    http_status: int | None = None
    retry_after: float | None = None
    axis_date: datetime | None = None
    error_code: str | None = None
    error_text: str | None = None
    failure: str | None = None
    start: bytes = b""

    def answered(self, response: httpx2.Response) -> None:
        """Note the status line and headers."""
        self.http_status = response.status_code
        self.axis_date = _http_date(response.headers.get("Date"))
        self.retry_after = self._retry_after(response.headers.get("Retry-After"))

    @property
    def success(self) -> bool:
        """Whether the HTTP status is 2xx."""
        return self.http_status is not None and 200 <= self.http_status < 300

    def judge(self, members: Mapping[str, object]) -> Envelope:
        """The envelope of an answer that must be OK. Raises AxisRefused or AxisUnavailable (axis API 11.4)."""
        try:
            answer = reading.envelope(members)
        except reading.Malformed as malformed:
            raise self.unavailable(malformed) from None
        self.read(answer)
        if answer.contradicts:
            raise self.unavailable("contradictory")
        if answer.ok and not self.success:
            raise self.unavailable(f"http_{self.http_status}")
        if answer.ok:
            return answer
        # A gateway's own statuses say that the axis was not reached, whatever stands in the body.
        if self.http_status in (502, 503, 504):
            raise self.unavailable(f"http_{self.http_status}")
        self.failure = "refused"
        raise AxisRefused(answer.code, answer.text, errors.classify(answer.code))

    def read(self, answer: Envelope) -> None:
        """Note what the envelope said."""
        self.error_code, self.error_text = answer.code, answer.text

    def unavailable(self, cause: Exception | str) -> AxisUnavailable:
        """The error for an answer that did not come or cannot be believed."""
        if isinstance(cause, (ScanError, reading.Malformed)) and not self.success:
            cause = f"http_{self.http_status}"
        self.failure = cause if isinstance(cause, str) else reason_of(cause)
        detail = getattr(cause, "detail", "")
        return AxisUnavailable(self.failure, detail or self.excerpt or "", retry_after=self.retry_after)

    @property
    def excerpt(self) -> str | None:
        """The answer's beginning, when there was one that could not be read; never of a packet's own bytes."""
        raw_packet = self.operation is wire.Operation.DOWNLOAD and self.success
        if not self.start or raw_packet or self.failure in (None, "refused"):
            return None
        return reading.excerpt(self.start, self.secret)

    def report(self, correlation_id: str | None) -> Exchange:
        """The exchange as the operations log keeps it, logged."""
        exchange = Exchange(
            operation=self.operation.value,
            correlation_id=correlation_id,
            http_status=self.http_status,
            error_code=self.error_code,
            error_text=self.error_text,
            seconds=asyncio.get_running_loop().time() - self.started,
            axis_date=self.axis_date,
            answer_excerpt=self.excerpt,
            headers={
                f"{wire.PREFIX}{name}": value for name, value in self.params.items() if name != wire.Param.HASH_FILE
            },
        )
        log.info(
            "axis.exchange",
            operation=exchange.operation,
            http_status=exchange.http_status,
            error_code=exchange.error_code,
            error_text=exchange.error_text,
            failure=self.failure,
            seconds=round(exchange.seconds, 3),
            excerpt=exchange.answer_excerpt,
        )
        return exchange

    def _retry_after(self, value: str | None) -> float | None:
        """Seconds from either form of Retry-After, at most a day."""
        if value is None:
            return None
        if value.strip().isascii() and value.strip().isdigit() and len(value) < 10:
            return min(float(value), MAX_RETRY_AFTER)
        moment = _http_date(value)
        if moment is None:
            return None
        return min(max((moment - aware(self.clock())).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _http_date(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return aware(moment) if moment.tzinfo is not None else None


def reason_of(error: Exception) -> str:
    """The short stable word for what went wrong."""
    if _lies_in(error, ssl.SSLError):
        return "tls"
    if _lies_in(error, socket.gaierror):
        return "dns"
    match error:
        case ScanError() | reading.Malformed():
            return error.reason
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            return "connect"
        case httpx2.PoolTimeout():
            return "pool"
        case TimeoutError() | httpx2.TimeoutException():
            return "timeout"
        case httpx2.DecodingError():
            return "bad_encoding"
        case httpx2.RemoteProtocolError() | httpx2.ReadError():
            return "cut"
        case _:
            return "network"


def _lies_in(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether the error, or what caused it, is of a kind; the client library wraps twice."""
    for _ in range(8):
        if error is None or isinstance(error, kind):
            return error is not None
        error = error.__cause__ or error.__context__
    return False


class Budget:
    """Seconds that one call may wait for the network; time that our own side takes is not counted."""

    def __init__(self, seconds: float, *, per_mb: float = 0.0) -> None:
        self.left = seconds
        self._per_byte = per_mb / MB

    def earn(self, count: int) -> None:
        """More time for bytes that came."""
        self.left += count * self._per_byte

    async def spend(self, action: Callable[[], Awaitable[T]]) -> T:
        """Wait for one step; raises TimeoutError when nothing is left."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(max(self.left, 0.0)):
                return await action()
        finally:
            self.left -= loop.time() - began
