"""What one look came to, as a value."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.problems import Problem, Text


class Verdict(StrEnum):
    """An error refuses; a warning will, or may; neither is fine."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Layer(StrEnum):
    """Where was looked, from the inside out."""

    SETTINGS = "settings"
    DATABASE = "database"
    BLOBS = "blobs"
    DISK = "disk"
    CONNECTIONS = "connections"
    UNITS = "units"
    CLIENTS = "clients"
    CODE = "code"
    CONNECTION = "connection"
    SECRET = "secret"  # noqa: S105 - the name of a layer
    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    CLOCK = "clock"
    SIGNATURE = "signature"
    FROM = "from"


LABELS: dict[Layer, Text] = {
    Layer.SETTINGS: Text("Cấu hình", "Settings"),
    Layer.DATABASE: Text("Cơ sở dữ liệu", "Database"),
    Layer.BLOBS: Text("Kho tệp", "Blob folder"),
    Layer.DISK: Text("Dung lượng đĩa", "Disk"),
    Layer.CONNECTIONS: Text("Các kết nối", "Connections"),
    Layer.UNITS: Text("Các đơn vị", "Units"),
    Layer.CLIENTS: Text("Các phần mềm", "Clients"),
    Layer.CODE: Text("Mã định danh", "Identifier code"),
    Layer.CONNECTION: Text("Kết nối", "Connection"),
    Layer.SECRET: Text("Khóa bí mật", "Secret"),
    Layer.DNS: Text("Tên miền (DNS)", "DNS"),
    Layer.TCP: Text("Đường truyền (TCP)", "TCP"),
    Layer.TLS: Text("Mã hóa (TLS)", "TLS"),
    Layer.HTTP: Text("HTTP", "HTTP"),
    Layer.CLOCK: Text("Giờ máy chủ", "Clock"),
    Layer.SIGNATURE: Text("Chữ ký, trả lời của trục", "Signature, the axis's answer"),
    Layer.FROM: Text("Đơn vị gửi (from)", "Sender (from)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding of the examination. `connection` and `unit` say whose it is; `action` what to do, if anything."""

    layer: Layer
    verdict: Verdict
    text: Text
    action: Text | None = None
    connection: str | None = None
    unit: str | None = None

    @property
    def refuses(self) -> bool:
        """Whether nothing behind this layer can work."""
        return self.verdict is Verdict.ERROR


@dataclass(frozen=True, slots=True)
class At:
    """A place whose checks are being made."""

    layer: Layer
    connection: str | None = None
    unit: str | None = None

    def ok(self, vi: str, en: str) -> Check:
        """All is well here."""
        return self._check(Verdict.OK, Text(vi, en), None)

    def warning(self, text: Text, action: Text) -> Check:
        """It works, but a person should know."""
        return self._check(Verdict.WARNING, text, action)

    def error(self, text: Text, action: Text) -> Check:
        """It refuses."""
        return self._check(Verdict.ERROR, text, action)

    def problem(self, problem: Problem) -> Check:
        """It refuses, in its own words."""
        return self.error(problem.text, problem.action)

    def _check(self, verdict: Verdict, text: Text, action: Text | None) -> Check:
        return Check(
            layer=self.layer,
            verdict=verdict,
            text=text,
            action=action,
            connection=self.connection,
            unit=self.unit,
        )
