"""How one connection talks to its axis: each setting with its default, unit and reason."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from gateway.problems import Kind, Problem, Text

MB = 1024 * 1024


class HashFileForm(StrEnum):
    """How `hash-file` is written: as the vendor's SDK does (bytes without leading zeros), or as true SHA-256."""

    SDK = "sdk"
    PADDED = "padded"


@dataclass(frozen=True, slots=True, kw_only=True)
class VxpSettings:
    """One axis of the XrdAdapter kind. Raises Problem for what cannot work."""

    endpoint: str
    """Address before `/{operation}`, no trailing slash: the protocol joins them textually."""
    allow_plain_http: bool = False
    """`http://` only when said so: adapters in the state's private network offer nothing else."""
    ca_file: Path | None = None
    """PEM of the authorities to trust instead of the system's: agencies have their own."""

    connect_seconds: float = 10.0
    """To connect, TLS included."""
    list_seconds: float = 30.0
    """For a whole list, count, acknowledgement or directory, waiting only: what others allow."""
    transfer_seconds: float = 60.0
    """For one packet, either way, before its size is counted."""
    transfer_seconds_per_mb: float = 1.0
    """Added per MB of a packet: an agency's line may give no more than 8 Mbit/s."""
    max_connections: int = 4
    """Exchanges at a time, 1 to 10: the vendor's own SDK allows no more than 10."""
    quick_retries: int = 2
    """Repeats of a call other than send within one call, 0 to 2, when no answer began. Longer waits are the queue's."""

    hash_file_form: HashFileForm = HashFileForm.SDK
    """What servers compare is not established; all of today's senders write the SDK's form."""
    trailing_crlf: bool = True
    """CRLF after the packet, as the SDK sends it: a server may cut two bytes off."""
    send_to_header: bool = False
    """`to` beside the packet's own list: 200 recipients fill an 8 KB header limit, and its meaning is unproven."""
    use_download: bool = False
    """downloadEdoc instead of getEdoc, with getEdoc after a 404: not every axis has it."""

    max_answer_bytes: int = 64 * 1024
    """An answer without a list, after unzipping: the protocol's have under 1 KB."""
    max_list_bytes: int = 256 * MB
    """A list or directory, after unzipping: 111 000 rows took about 25 MB in 2025."""
    max_list_rows: int = 100_000
    """Rows of the received or sent list: they are held in memory."""
    max_directory_rows: int = 1_000_000
    """Rows of a directory: nine times the largest seen."""
    max_packet_bytes: int = 512 * MB
    """A packet fetched: twice what a 200 MB attachment makes."""

    def __post_init__(self) -> None:
        _check_endpoint(self.endpoint, self.allow_plain_http)
        _check_range("max_connections", self.max_connections, 1, 10)
        _check_range("quick_retries", self.quick_retries, 0, 2)
        for name in ("connect_seconds", "list_seconds", "transfer_seconds"):
            _check_range(name, getattr(self, name), 0.01, 3600)
        _check_range("transfer_seconds_per_mb", self.transfer_seconds_per_mb, 0, 600)
        sizes = ("max_answer_bytes", "max_list_bytes", "max_list_rows", "max_directory_rows", "max_packet_bytes")
        for name in sizes:
            _check_range(name, getattr(self, name), 1, 2**40)


def _check_endpoint(endpoint: str, allow_plain_http: bool) -> None:
    try:
        parts = urlsplit(endpoint)
        usable = bool(parts.hostname) and parts.scheme in ("http", "https") and (parts.port is None or parts.port > 0)
    except ValueError:
        raise _bad_endpoint() from None
    if not usable or parts.query or parts.fragment or parts.username or parts.password or endpoint.endswith("/"):
        raise _bad_endpoint()
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        raise _bad_endpoint()
    if parts.scheme == "http" and not allow_plain_http:
        raise Problem(
            "connection.plain_http",
            Kind.INVALID,
            Text(
                "Địa chỉ trục dùng http:// không mã hóa mà chưa được cho phép.",
                "The axis address is plain http:// and this was not allowed.",
            ),
            Text(
                "Dùng https://, hoặc cho phép http cho riêng kết nối này nếu trục nằm trong mạng chuyên dùng.",
                "Use https://, or allow plain HTTP for this connection if its axis is inside the private network.",
            ),
            field="/endpoint",
        )


def _bad_endpoint() -> Problem:
    return Problem(
        "connection.endpoint",
        Kind.INVALID,
        Text("Địa chỉ trục không dùng được.", "The axis address cannot be used."),
        Text(
            "Ghi dạng https://máy-chủ/XrdAdapter/adapter: không có dấu / ở cuối, không có tham số, tên hay mật khẩu.",
            "Write https://host/XrdAdapter/adapter: no slash at the end, no query, no user or password.",
        ),
        field="/endpoint",
    )


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if low <= value <= high:
        return
    raise Problem(
        "connection.setting",
        Kind.INVALID,
        Text(f"Giá trị {name} phải từ {low} đến {high}.", f"{name} must be from {low} to {high}."),
        Text("Sửa cấu hình của kết nối.", "Correct the connection's settings."),
        field=f"/{name}",
    )
