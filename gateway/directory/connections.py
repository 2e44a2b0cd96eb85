"""Connections: added in `observe`, made active with a cut-off date, watched, stopped and resumed (design rule 10)."""

import json
import re
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import JsonValue

from gateway.directory import repository
from gateway.directory.records import Changes, Connection, Mode, NewConnection
from gateway.directory.secret_sources import secret_source
from gateway.problems import Kind, Problem, Text, first_of
from gateway.store import Transaction
from gateway.times import shown

PROTOCOLS = ("vxp",)
MAX_CONNECTIONS = 10
"""The axis's own kit refuses more for one systemId (F2.4, G-63)."""

_ID = re.compile(r"[a-z0-9-]{1,40}")
_ASCII = re.compile(r"[!-~]{1,100}")
_WORD = re.compile(r"[a-z0-9_.:-]{1,80}")
_OF_THE_AXIS = re.compile(r"axis_[a-z0-9_.:-]+")
_POLL_SECONDS = range(1, 86_401)
_MAX_OPTIONS = 10_000


async def add(tx: Transaction, new: NewConnection, now: datetime) -> Connection:
    """A new connection, in `observe`. A slash at the endpoint's end is taken off: the protocol puts its own.

    Raises Problem: `connection.*` for each value that cannot be used, `connection.exists` and
    `connection.system_in_use` (CONFLICT).
    """
    new = _normal(new)
    problem = first_of(_problems(new))
    if problem is not None:
        raise problem
    if await repository.connection(tx, new.id) is not None:
        raise _conflict(
            "connection.exists",
            Text(f"Đã có kết nối tên {new.id}.", f"There is a connection called {new.id}."),
            Text("Chọn tên khác.", "Choose another name."),
            "/id",
        )
    other = await repository.connection_of_system(tx, new.endpoint, new.system_id)
    if other is not None:
        raise _in_use(other)
    await repository.insert_connection(tx, new, now)
    return await get(tx, new.id)


async def every(tx: Transaction) -> tuple[Connection, ...]:
    """All connections, by id."""
    return await repository.connections(tx)


async def find(tx: Transaction, connection_id: str) -> Connection | None:
    """The connection with this id, or None."""
    return await repository.connection(tx, connection_id) if _ID.fullmatch(connection_id) else None


async def get(tx: Transaction, connection_id: str) -> Connection:
    """The connection with this id; raises Problem `connection.unknown`."""
    found = await find(tx, connection_id)
    if found is None:
        raise _unknown(connection_id)
    return found


async def observe(tx: Transaction, connection_id: str, now: datetime) -> Connection:
    """Back to looking on; the cut-off stays, to explain what was imported under it. Raises `connection.unknown`."""
    return await _change(tx, connection_id, {"mode": Mode.OBSERVE.value, "changed_at": now})


async def activate(tx: Transaction, connection_id: str, cut_off: datetime, now: datetime) -> Connection:
    """Take part: send, acknowledge, report statuses for what arrived from `cut_off` on.

    Raises `connection.unknown`, and `connection.cut_off` for a cut-off still to come: what arrives until then would be
    left without its statuses.
    """
    if cut_off > now:
        raise _invalid(
            "connection.cut_off",
            Text(
                f"Mốc chuyển đổi {shown(cut_off)} còn ở tương lai.",
                f"The cut-off {shown(cut_off)} lies in the future.",
            ),
            Text(
                "Chọn mốc không muộn hơn hiện tại: văn bản đến trước mốc được nhập mà không gửi trạng thái.",
                "Name a time not later than now: what arrived before it is imported without statuses.",
            ),
            "/cut_off",
        )
    return await _change(tx, connection_id, {"mode": Mode.ACTIVE.value, "cut_off": cut_off, "changed_at": now})


async def record_poll(
    tx: Transaction,
    connection_id: str,
    *,
    at: datetime,
    error: str | None = None,
    clock_skew_seconds: float | None = None,
) -> bool:
    """What a poll at `at` came to; `error` is a short stable word (`timeout`), None when every answer was good.

    A measured clock difference replaces the last one, None keeps it. False, and nothing written, when a later poll has
    been recorded or the connection is gone. Raises ValueError for an `error` that is no such word.
    """
    if error is not None and not _WORD.fullmatch(error):
        raise ValueError("a poll's error is a short stable word")
    values: dict[str, JsonValue | datetime] = {"last_poll_at": at, "last_poll_error": error}
    if error is None:
        values["last_good_poll_at"] = at
    if clock_skew_seconds is not None:
        values["clock_skew_seconds"] = clock_skew_seconds
    return await repository.update_connection(tx, connection_id, values, not_polled_after=at)


async def stop(tx: Transaction, connection_id: str, reason: str, now: datetime) -> Connection:
    """Use it no more until `resume`: its settings are wrong. `reason` is a short stable word. The mode stays.

    Raises `connection.unknown`, ValueError for a reason that is no such word.
    """
    if not _WORD.fullmatch(reason):
        raise ValueError("a reason to stop is a short stable word")
    return await _change(tx, connection_id, {"stopped_reason": reason, "changed_at": now})


def is_configuration(reason: str | None) -> bool:
    """Whether a connection was stopped by what the axis said of our configuration, and not by a person."""
    return reason is not None and _OF_THE_AXIS.fullmatch(reason) is not None


async def change(tx: Transaction, connection_id: str, changes: Changes, now: datetime) -> Connection:
    """Other settings of a connection. One that was stopped by a configuration error is used again.

    Raises Problem as `add`, and `connection.unknown`.
    """
    old = await get(tx, connection_id)
    new = _normal(changes.of(old))
    problem = first_of(_problems(new))
    if problem is not None:
        raise problem
    other = await repository.connection_of_system(tx, new.endpoint, new.system_id)
    if other is not None and other.id != connection_id:
        raise _in_use(other)
    values: dict[str, JsonValue | datetime] = {
        "endpoint": new.endpoint,
        "system_id": new.system_id,
        "secret_source": new.secret_source,
        "allow_plain_http": new.allow_plain_http,
        "ca_file": new.ca_file,
        "max_connections": new.max_connections,
        "poll_seconds": new.poll_seconds,
        "options": dict(new.options),
        "changed_at": now,
    }
    if is_configuration(old.stopped_reason):
        values["stopped_reason"] = None
    return await _change(tx, connection_id, values)


async def resume(tx: Transaction, connection_id: str, now: datetime) -> Connection:
    """Use it again. Raises `connection.unknown`."""
    return await _change(tx, connection_id, {"stopped_reason": None, "changed_at": now})


async def _change(tx: Transaction, connection_id: str, values: dict[str, JsonValue | datetime]) -> Connection:
    await get(tx, connection_id)
    await repository.update_connection(tx, connection_id, values)
    return await get(tx, connection_id)


def _normal(new: NewConnection) -> NewConnection:
    return NewConnection(
        id=new.id,
        endpoint=new.endpoint.strip().rstrip("/"),
        system_id=new.system_id,
        secret_source=new.secret_source,
        protocol=new.protocol,
        allow_plain_http=new.allow_plain_http,
        ca_file=new.ca_file or None,
        max_connections=new.max_connections,
        poll_seconds=new.poll_seconds,
        options=new.options,
    )


def _problems(new: NewConnection) -> list[Problem]:
    found: list[Problem] = []
    if not _ID.fullmatch(new.id):
        found.append(
            _invalid(
                "connection.id",
                Text("Tên kết nối không hợp lệ.", "This cannot be a connection's name."),
                Text("Dùng 1–40 ký tự trong a–z, 0–9 và gạch nối.", "Use 1 to 40 of a–z, 0–9 and the hyphen."),
                "/id",
            )
        )
    if new.protocol not in PROTOCOLS:
        found.append(
            _invalid(
                "connection.protocol",
                Text("Giao thức này chưa được hỗ trợ.", "This protocol is not supported."),
                Text(f"Dùng một trong: {', '.join(PROTOCOLS)}.", f"Use one of: {', '.join(PROTOCOLS)}."),
                "/protocol",
            )
        )
    found += _endpoint_problems(new)
    if not _ASCII.fullmatch(new.system_id):
        found.append(
            _invalid(
                "connection.system_id",
                Text(
                    "systemId phải có 1–100 ký tự ASCII, không khoảng trắng.",
                    "A systemId has 1 to 100 ASCII characters and no white space.",
                ),
                Text(
                    "Chép đúng systemId do đơn vị vận hành trục cấp.",
                    "Copy the systemId that the axis's operator gave.",
                ),
                "/system_id",
            )
        )
    try:
        secret_source(new.secret_source)
    except ValueError:
        found.append(
            _invalid(
                "connection.secret_source",
                Text("Nơi lấy khóa bí mật không hợp lệ.", "The place of the secret is not written as it must be."),
                Text(
                    "Ghi file:/đường/dẫn/tuyệt/đối hoặc env:TÊN_BIẾN; không ghi chính khóa bí mật.",
                    "Write file:/absolute/path or env:NAME, never the secret itself.",
                ),
                "/secret_source",
            )
        )
    if new.ca_file is not None and not (
        new.ca_file.startswith("/") and new.ca_file.isprintable() and len(new.ca_file) <= 500
    ):
        found.append(
            _invalid(
                "connection.ca_file",
                Text("Đường dẫn tệp CA không hợp lệ.", "This cannot be a CA file's path."),
                Text("Ghi đường dẫn tuyệt đối của tệp PEM.", "Give the absolute path of a PEM file."),
                "/ca_file",
            )
        )
    return found + _limit_problems(new)


def _endpoint_problems(new: NewConnection) -> list[Problem]:
    if not _is_endpoint(new.endpoint):
        return [
            _invalid(
                "connection.endpoint",
                Text("Địa chỉ của trục không hợp lệ.", "This cannot be the address of an axis."),
                Text(
                    "Ghi dạng https://máy[:cổng]/đường-dẫn, không kèm tài khoản, tham số hay ký tự có dấu.",
                    "Write https://host[:port]/path, ASCII only, without user, query or fragment.",
                ),
                "/endpoint",
            )
        ]
    if new.endpoint.lower().startswith("http:") and not new.allow_plain_http:
        return [
            _invalid(
                "connection.plain_http",
                Text("Địa chỉ dùng HTTP không mã hóa.", "The endpoint uses plain HTTP."),
                Text(
                    "Dùng https, hoặc cho phép rõ ràng HTTP nếu đường truyền nằm trong mạng riêng.",
                    "Use https, or allow plain HTTP explicitly if the line is a private network.",
                ),
                "/endpoint",
            )
        ]
    return []


def _is_endpoint(text: str) -> bool:
    if len(text) > 500 or not re.fullmatch(r"[!-~]+", text):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or "?" in text or "#" in text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and plain


def _limit_problems(new: NewConnection) -> list[Problem]:
    found: list[Problem] = []
    if not 1 <= new.max_connections <= MAX_CONNECTIONS:
        found.append(
            _invalid(
                "connection.max_connections",
                Text("Số kết nối đồng thời ngoài giới hạn.", "The number of connections is out of range."),
                Text(
                    f"Chọn từ 1 đến {MAX_CONNECTIONS}; trục giới hạn cho mỗi systemId.",
                    f"Choose 1 to {MAX_CONNECTIONS}, the axis's limit for one systemId.",
                ),
                "/max_connections",
            )
        )
    if new.poll_seconds not in _POLL_SECONDS:
        found.append(
            _invalid(
                "connection.poll_seconds",
                Text("Chu kỳ thăm dò ngoài giới hạn.", "The polling interval is out of range."),
                Text("Chọn từ 1 giây đến một ngày (86400).", "Choose 1 second to one day (86400)."),
                "/poll_seconds",
            )
        )
    if not _fits(new):
        found.append(
            _invalid(
                "connection.options",
                Text("Tùy chọn của kết nối quá dài hoặc không phải JSON.", "The options are too long or not JSON."),
                Text("Chỉ giữ các tùy chọn cần thiết.", "Keep only the options that are needed."),
                "/options",
            )
        )
    return found


def _fits(new: NewConnection) -> bool:
    try:
        return len(json.dumps(dict(new.options), allow_nan=False)) <= _MAX_OPTIONS
    except (TypeError, ValueError, RecursionError):
        return False


def _invalid(code: str, text: Text, action: Text, field: str) -> Problem:
    return Problem(code, Kind.INVALID, text, action, field=field)


def _conflict(code: str, text: Text, action: Text, field: str) -> Problem:
    return Problem(code, Kind.CONFLICT, text, action, field=field)


def _in_use(other: Connection) -> Problem:
    return _conflict(
        "connection.system_in_use",
        Text(
            f"Kết nối {other.id} đã dùng systemId này tại địa chỉ này.",
            f"Connection {other.id} already uses this systemId at this endpoint.",
        ),
        Text(
            "Dùng kết nối đó; một systemId chỉ được thăm dò ở một nơi.",
            "Use that one: a systemId is polled from one place only.",
        ),
        "/system_id",
    )


def _unknown(connection_id: str) -> Problem:
    name = connection_id if _ID.fullmatch(connection_id) else "?"
    return Problem(
        "connection.unknown",
        Kind.NOT_FOUND,
        Text(f"Không có kết nối {name}.", f"There is no connection {name}."),
        Text("Xem danh sách kết nối rồi thử lại.", "Look at the list of connections and try again."),
    )
