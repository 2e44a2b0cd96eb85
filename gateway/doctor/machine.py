"""What stands on this machine: database, files, disk, and what was registered."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from gateway import opening
from gateway.api import clients
from gateway.directory import connections, units
from gateway.directory.records import Connection, Mode, Unit
from gateway.doctor.checks import At, Check, Layer
from gateway.problems import Problem, Text
from gateway.settings import Settings
from gateway.store import Store, migrate
from gateway.times import shown

MB = 1024 * 1024
DATABASE_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What the database knows. `clients` counts those whose key is not revoked."""

    connections: tuple[Connection, ...]
    units: tuple[Unit, ...]
    clients: int


def database_missing(settings: Settings) -> Check | None:
    """That the embedded database was never made: opening it would make an empty file, and a doctor changes nothing."""
    url = settings.store.engine_url
    if url.get_backend_name() != "sqlite" or Path(url.database or "").exists():
        return None
    return At(Layer.DATABASE).error(
        Text("Chưa có tệp cơ sở dữ liệu.", "There is no database file yet."),
        Text(
            "Kiểm tra GATEWAY_DATABASE_URL; nếu cài mới thì chạy 'gateway migrate'.",
            "Check GATEWAY_DATABASE_URL; on a new installation run 'gateway migrate'.",
        ),
    )


async def database_check(store: Store) -> Check:
    """Whether it answers and has this program's shape."""
    at = At(Layer.DATABASE)
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            await migrate.check(store)
    except Problem as problem:
        return at.problem(problem)
    except TimeoutError:
        return at.error(
            Text(
                f"Cơ sở dữ liệu không trả lời trong {DATABASE_SECONDS:.0f} giây.",
                f"The database gives no answer in {DATABASE_SECONDS:.0f} seconds.",
            ),
            Text("Kiểm tra máy chủ cơ sở dữ liệu.", "Check the database server."),
        )
    kind = "SQLite" if store.dialect == "sqlite" else "PostgreSQL"
    return at.ok(f"{kind} trả lời, đúng phiên bản.", f"{kind} answers, at this program's version.")


async def blob_checks(settings: Settings) -> tuple[Check, ...]:
    """Whether the folder can be written to, and what is left on its disk."""
    at = At(Layer.BLOBS)
    try:
        blobs = opening.open_blobs(settings)
        await asyncio.to_thread(blobs.probe)
        free = await asyncio.to_thread(blobs.free_bytes) // MB
    except Problem as problem:
        return (at.problem(problem),)
    return (at.ok("Ghi được vào kho tệp.", "It can be written to."), _disk(free, settings.serve.disk_free_mb))


def _disk(free: int, mark: int) -> Check:
    at = At(Layer.DISK)
    if free >= mark:
        return at.ok(f"Còn trống {free} MB (tối thiểu {mark} MB).", f"{free} MB free (at least {mark} MB).")
    return at.error(
        Text(
            f"Chỉ còn trống {free} MB, dưới mức {mark} MB: cổng không nhận thêm văn bản.",
            f"Only {free} MB free, below {mark} MB: the gateway takes nothing new over.",
        ),
        Text("Giải phóng hoặc mở rộng ổ đĩa.", "Free disk space, or add some."),
    )


async def registered(store: Store, connection_id: str | None) -> Registered:
    """What the database knows, of all connections or of one. Raises Problem, `connection.unknown` among others."""
    async with store.read() as tx:
        chosen = await connections.every(tx) if connection_id is None else (await connections.get(tx, connection_id),)
        return Registered(
            connections=chosen,
            units=await units.every(tx, connection_id),
            clients=sum(client.revoked_at is None for client in await clients.listed(tx)),
        )


def registered_checks(known: Registered) -> tuple[Check, ...]:
    """Whether there is anything to work with, and how each connection stands."""
    return (
        _any_connection(known),
        _any_unit(known),
        _any_client(known),
        *(_standing(connection) for connection in known.connections),
    )


def _any_connection(known: Registered) -> Check:
    at = At(Layer.CONNECTIONS)
    if known.connections:
        count = len(known.connections)
        return at.ok(f"Có {count} kết nối.", f"{count} connection(s).")
    return at.warning(
        Text("Chưa có kết nối nào tới trục.", "There is no connection to an axis yet."),
        Text("Thêm bằng 'gateway connections add'.", "Add one with 'gateway connections add'."),
    )


def _any_unit(known: Registered) -> Check:
    at = At(Layer.UNITS)
    if known.units:
        return at.ok(f"Có {len(known.units)} đơn vị.", f"{len(known.units)} unit(s).")
    return at.warning(
        Text(
            "Chưa có đơn vị nào: không gửi và không nhận được gì.", "There is no unit: nothing can go out or come in."
        ),
        Text("Thêm bằng 'gateway units add'.", "Add one with 'gateway units add'."),
    )


def _any_client(known: Registered) -> Check:
    at = At(Layer.CLIENTS)
    if known.clients:
        return at.ok(f"Có {known.clients} khóa API đang dùng.", f"{known.clients} API key(s) in use.")
    return at.warning(
        Text("Chưa phần mềm QLVB nào có khóa API.", "No document system has an API key yet."),
        Text("Cấp khóa bằng 'gateway clients add'.", "Make one with 'gateway clients add'."),
    )


def _standing(connection: Connection) -> Check:
    at = At(Layer.CONNECTION, connection.id)
    if connection.stopped_reason is not None:
        return at.error(
            Text(
                f"Kết nối đã dừng: {connection.stopped_reason}.",
                f"The connection is stopped: {connection.stopped_reason}.",
            ),
            Text(
                f"Sửa lỗi nêu bên dưới (nếu có) rồi chạy 'gateway connections resume {connection.id}'.",
                f"Correct what is said below, if anything, then run 'gateway connections resume {connection.id}'.",
            ),
        )
    last = shown(connection.last_good_poll_at) if connection.last_good_poll_at else "-"
    if connection.last_poll_error is not None:
        return at.warning(
            Text(
                f"Lần hỏi trục gần nhất không thành công ({connection.last_poll_error}); lần thành công: {last}.",
                f"The last poll of the axis failed ({connection.last_poll_error}); the last good one: {last}.",
            ),
            Text("Xem lớp nào từ chối ở các dòng dưới.", "See below which layer refuses."),
        )
    if connection.mode is Mode.ACTIVE:
        return at.ok(
            f"Đang hoạt động; lần hỏi trục thành công gần nhất: {last}.", f"Active; last good poll of the axis: {last}."
        )
    return at.warning(
        Text(
            f"Chỉ quan sát, chưa gửi và chưa xác nhận; lần hỏi trục thành công gần nhất: {last}.",
            f"It only observes, sends and acknowledges nothing; last good poll of the axis: {last}.",
        ),
        Text(
            f"Khi sẵn sàng: 'gateway connections activate {connection.id} --since NGÀY'.",
            f"When ready: 'gateway connections activate {connection.id} --since DATE'.",
        ),
    )
