"""The way to an axis: name, connection, encryption, an HTTP answer, its clock. Each step waits a bounded time."""

import asyncio
import email.utils
import socket
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import httpx2

from gateway.axis.vxp.exchange import reason_of
from gateway.directory.records import Connection
from gateway.doctor.checks import At, Check, Layer
from gateway.doctor.reasons import reason_text
from gateway.problems import Text
from gateway.times import Clock

DNS_SECONDS = 5.0
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 15.0
CERTIFICATE_DAYS = 30
PROXY_STATUSES = (502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is examined: the connection, our clock, and the difference of clocks that is too much (seconds)."""

    connection: Connection
    clock: Clock
    skew_seconds: int

    @property
    def host(self) -> str:
        """The host's name or address."""
        return urlsplit(self.connection.endpoint).hostname or ""

    @property
    def port(self) -> int:
        """The port, said or meant."""
        return urlsplit(self.connection.endpoint).port or (443 if self.encrypted else 80)

    @property
    def encrypted(self) -> bool:
        """Whether the endpoint is https."""
        return urlsplit(self.connection.endpoint).scheme == "https"

    def at(self, layer: Layer) -> At:
        """A layer of this connection."""
        return At(layer, self.connection.id)


async def line_checks(line: Line) -> AsyncGenerator[Check]:
    """The steps in order, up to the first that refuses."""
    for step in (_dns, _tcp, _tls):
        check = await step(line)
        yield check
        if check.refuses:
            return
    for check in await _http(line):
        yield check


async def _dns(line: Line) -> Check:
    at = line.at(Layer.DNS)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DNS_SECONDS):
            found = await loop.getaddrinfo(line.host, line.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a time-out is an OSError
        return at.error(
            Text(f"Không phân giải được tên {line.host}.", f"The name {line.host} cannot be resolved."),
            Text(
                "Kiểm tra địa chỉ kết nối và máy chủ DNS; trong mạng chuyên dùng có thể cần ghi tên vào tệp hosts.",
                "Check the endpoint and the DNS server; in the private network the hosts file may need the name.",
            ),
        )
    address = str(found[0][4][0])
    return at.ok(f"{line.host} → {address}.", f"{line.host} → {address}.")


async def _tcp(line: Line) -> Check:
    at, place = line.at(Layer.TCP), f"{line.host}:{line.port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(line.host, line.port)
    except ConnectionRefusedError:
        return at.error(
            Text(f"{place} từ chối kết nối: không có dịch vụ nào lắng nghe.", f"{place} refuses: nothing listens."),
            Text(
                "Kiểm tra cổng trong địa chỉ; hỏi đơn vị vận hành adapter xem dịch vụ có đang chạy không.",
                "Check the port; ask whoever runs the adapter whether it is up.",
            ),
        )
    except OSError:
        return at.error(
            Text(f"Không kết nối được tới {place}.", f"{place} cannot be reached."),
            Text(
                "Kiểm tra đường truyền, định tuyến và tường lửa từ máy này tới trục.",
                "Check the line, the routes and the firewall between this machine and the axis.",
            ),
        )
    await _closed(writer)
    return at.ok(f"Kết nối được tới {place}.", f"{place} can be reached.")


async def _tls(line: Line) -> Check:
    at = line.at(Layer.TLS)
    if not line.encrypted:
        return _plain(line, at)
    try:
        trust = _trust(line)
    except OSError:  # ssl's own errors are among them
        return at.error(
            Text(
                f"Không đọc được tệp CA {line.connection.ca_file}.",
                f"The CA file {line.connection.ca_file} cannot be read.",
            ),
            Text(
                "Kiểm tra đường dẫn, quyền đọc và định dạng PEM.",
                "Check its path, its permissions, and that it is PEM.",
            ),
        )
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(line.host, line.port, ssl=trust, server_hostname=line.host)
    except ssl.SSLCertVerificationError as error:
        return at.error(*_certificate_refused(error))
    except OSError:
        return at.error(
            Text("Bắt tay TLS không thành công.", "The TLS handshake fails."),
            Text(
                "Kiểm tra cổng: có thể máy chủ chỉ dùng HTTP, hoặc chỉ nhận TLS phiên bản cũ.",
                "Check the port: the server may speak plain HTTP, or only an old version of TLS.",
            ),
        )
    certificate = writer.get_extra_info("peercert")
    await _closed(writer)
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - line.clock().timestamp()) // 86_400)
    if days < CERTIFICATE_DAYS:
        return at.warning(
            Text(f"Chứng thư của máy chủ còn hạn {days} ngày.", f"The server's certificate ends in {days} days."),
            Text("Báo đơn vị vận hành gia hạn chứng thư.", "Tell its operator to renew it."),
        )
    return at.ok(f"Chứng thư hợp lệ, còn {days} ngày.", f"The certificate is good for {days} days.")


async def _http(line: Line) -> tuple[Check, ...]:
    at = line.at(Layer.HTTP)
    try:
        transport = httpx2.AsyncHTTPTransport(
            verify=_trust(line) if line.encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False
        )
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            httpx2.AsyncClient(transport=transport, trust_env=False, timeout=ANSWER_SECONDS) as client,
            client.stream("GET", line.connection.endpoint) as answer,
        ):
            status, date = answer.status_code, answer.headers.get("Date")
    except (httpx2.HTTPError, OSError) as error:
        return (at.error(*reason_text(reason_of(error))),)
    return (_answered(at, status), _clock(line, date))


def _answered(at: At, status: int) -> Check:
    if status in PROXY_STATUSES:
        text, action = reason_text(f"http_{status}")
        return at.warning(text, action)
    if 300 <= status < 400:
        return at.warning(
            Text(
                f"Máy chủ chuyển hướng sang địa chỉ khác (HTTP {status}); trục không bao giờ làm vậy.",
                f"The server redirects elsewhere (HTTP {status}), which an axis never does.",
            ),
            Text("Kiểm tra lại địa chỉ kết nối.", "Check the endpoint."),
        )
    return at.ok(f"Có trả lời HTTP ({status}).", f"There is an HTTP answer ({status}).")


def _clock(line: Line, header: str | None) -> Check:
    at = line.at(Layer.CLOCK)
    theirs = _http_date(header)
    if theirs is None:
        return at.ok("Máy chủ không cho biết giờ nên không so được.", "The server does not tell its time.")
    skew = (line.clock() - theirs).total_seconds()
    if abs(skew) <= line.skew_seconds:
        return at.ok(f"Lệch {skew:+.0f} giây so với trục.", f"{skew:+.0f} s from the axis's.")
    return at.warning(
        Text(
            f"Giờ máy này lệch {skew:+.0f} giây so với trục (cho phép {line.skew_seconds} giây).",
            f"This machine's clock differs by {skew:+.0f} s from the axis's ({line.skew_seconds} s allowed).",
        ),
        Text("Đồng bộ giờ máy chủ (NTP).", "Synchronise this server's clock (NTP)."),
    )


def _plain(line: Line, at: At) -> Check:
    if line.connection.allow_plain_http:
        return at.ok(
            "Không mã hóa (HTTP), đã được cho phép; chỉ dùng trong mạng riêng.",
            "Plain HTTP, which was allowed; for private networks only.",
        )
    return at.error(
        Text(
            "Địa chỉ dùng HTTP không mã hóa mà chưa được cho phép.",
            "The endpoint is plain HTTP, which was not allowed.",
        ),
        Text("Dùng https, hoặc thêm kết nối với --allow-plain-http.", "Use https, or add it with --allow-plain-http."),
    )


def _trust(line: Line) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=line.connection.ca_file)


def _certificate_refused(error: ssl.SSLCertVerificationError) -> tuple[Text, Text]:
    said = error.verify_message.rstrip(".")
    return (
        Text(f"Chứng thư của máy chủ không được chấp nhận: {said}.", f"The server's certificate is refused: {said}."),
        Text(
            "Nếu máy chủ dùng CA nội bộ, khai báo tệp CA (--ca-file); nếu hết hạn hoặc sai tên, báo đơn vị vận hành.",
            "For an internal CA name its file (--ca-file); if it is out of date or for another name, tell the operator.",
        ),
    )


def _http_date(header: str | None) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(header) if header else None
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await writer.wait_closed()
    except OSError:
        return  # it had served its purpose
