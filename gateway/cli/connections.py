"""`gateway connections`."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import as_json, now, say, show, warn
from gateway.cli.files import new_secret_file
from gateway.cli.opened import database, run
from gateway.problems import Problem, Text
from gateway.times import VIETNAM, shown

if TYPE_CHECKING:
    from gateway.axis.vxp.sdk_properties import SdkProperties
    from gateway.directory.records import Changes, Connection, NewConnection
    from gateway.documents.cut_off import Divided
    from gateway.store import Transaction

app = typer.Typer(help="Connections to an axis. / Các kết nối tới trục.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The connection's name. / Tên kết nối.")]

_COLUMNS = (
    *("id", "mode", "endpoint", "system_id", "cut_off", "stopped_reason", "last_good_poll_at", "last_poll_error"),
    *("clock_skew_seconds", "protocol", "secret_source", "allow_plain_http", "ca_file"),
    *("poll_seconds", "max_connections"),
)
_NARROW = ("id", "mode", "endpoint", "system_id", "cut_off", "stopped_reason", "last_good_poll_at")


@app.command(
    help="Add a connection; it observes until activated.\n\nThêm kết nối; kết nối chỉ quan sát cho đến khi kích hoạt."
)
def add(
    context: typer.Context,
    name: Name,
    endpoint: Annotated[str | None, typer.Option(help="Address of the adapter. / Địa chỉ adapter của trục.")] = None,
    system_id: Annotated[str | None, typer.Option(help="The systemId given to you. / systemId được cấp.")] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="File that holds the secret; with --from-sdk it is made (0600). / "
            "Tệp chứa khóa bí mật; với --from-sdk tệp này được tạo mới (0600).",
        ),
    ] = None,
    secret_env: Annotated[
        str | None, typer.Option(help="Variable that holds the secret. / Biến môi trường chứa khóa bí mật.")
    ] = None,
    from_sdk: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Take over the Java SDK's properties file. / Lấy từ tệp properties của bộ SDK Java.",
        ),
    ] = None,
    allow_plain_http: Annotated[
        bool,
        typer.Option("--allow-plain-http", help="Private network only. / Cho phép HTTP, chỉ trong mạng riêng."),
    ] = False,
    ca_file: Annotated[Path | None, typer.Option(help="PEM of the authority to trust. / Tệp PEM của CA.")] = None,
    poll_seconds: Annotated[int, typer.Option(help="Seconds between polls. / Chu kỳ hỏi trục (giây).")] = 120,
    max_connections: Annotated[
        int | None, typer.Option(help="Exchanges at a time, 4. / Số lượt trao đổi cùng lúc, 4.")
    ] = None,
) -> None:
    from gateway.axis.vxp.sdk_properties import read_sdk_properties
    from gateway.directory.records import NewConnection

    sdk = read_sdk_properties(_text_of(from_sdk)) if from_sdk else None
    if sdk is not None:
        endpoint, system_id = endpoint or sdk.endpoint, system_id or sdk.system_id
    if not endpoint or not system_id:
        raise typer.BadParameter("--endpoint and --system-id are needed. / Cần --endpoint và --system-id.")
    if (secret_file is None) == (secret_env is None):
        raise typer.BadParameter(
            "Give one of --secret-file and --secret-env. / Ghi đúng một trong --secret-file và --secret-env."
        )
    new = NewConnection(
        id=name,
        endpoint=endpoint,
        system_id=system_id,
        secret_source=f"file:{secret_file.absolute()}" if secret_file else f"env:{secret_env}",
        allow_plain_http=allow_plain_http,
        ca_file=str(ca_file.absolute()) if ca_file else None,
        max_connections=max_connections or (sdk and sdk.max_connections) or 4,
        poll_seconds=poll_seconds,
    )
    run(_add(context, new, secret_file, sdk))
    say(
        Text(
            f"Đã thêm kết nối {name} ở chế độ quan sát. Kiểm tra bằng: gateway doctor {name}",
            f"Added connection {name}, observing. Check it with: gateway doctor {name}",
        )
    )
    _look_at_secret(new.secret_source)


@app.command("list", help="All connections.\n\nDanh sách kết nối.")
def list_connections(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")] = False
) -> None:
    show(_COLUMNS, [_row(one) for one in run(_every(context))], json_wanted=json, narrow=_NARROW)


@app.command(help="Back to looking on: nothing is acknowledged or sent.\n\nTrở lại chế độ quan sát.")
def observe(context: typer.Context, name: Name) -> None:
    from gateway.directory import connections

    run(_change(context, lambda tx: connections.observe(tx, name, now())))
    say(Text(f"Kết nối {name} đang quan sát.", f"Connection {name} observes."))


@app.command(
    help="Take part: send, acknowledge, report statuses from a day on.\n\n"
    "Kích hoạt: gửi, xác nhận và báo trạng thái kể từ một ngày."
)
def activate(
    context: typer.Context,
    name: Name,
    since: Annotated[
        str,
        typer.Option(
            metavar="YYYY-MM-DD|today",
            help="What arrived before this day gets no statuses. / Văn bản đến trước ngày này không gửi trạng thái.",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show. / Chỉ xem, không kích hoạt.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. / Không hỏi lại.")] = False,
) -> None:
    from gateway.directory import connections

    cut_off = _first_moment(since)
    preview = run(_preview(context, name, cut_off))
    if dry_run:
        record = {"connection": name, "cut_off": shown(cut_off)}
        typer.echo(as_json({**record, "before": preview.before, "since": preview.since, "undated": preview.undated}))
    say(
        Text(
            f"Mốc {shown(cut_off)}. Văn bản, trạng thái đã quan sát: {preview.before} trước mốc (nhập, không gửi trạng "
            f"thái), {preview.since} từ mốc trở đi, {preview.undated} không rõ ngày.",
            f"Cut-off {shown(cut_off)}. Observed so far: {preview.before} before it (imported without statuses), "
            f"{preview.since} from it on, {preview.undated} without a date.",
        )
    )
    if dry_run:
        return
    if not yes:
        typer.confirm(f"Kích hoạt / Activate {name}?", abort=True, err=True)
    run(_change(context, lambda tx: connections.activate(tx, name, cut_off, now())))
    say(Text(f"Kết nối {name} đã kích hoạt.", f"Connection {name} is active."))


@app.command(help="Use a connection no more until resumed.\n\nTạm dừng một kết nối cho đến khi tiếp tục.")
def stop(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="A short word: a-z, 0-9, _ . : -. / Một từ ngắn không dấu.")] = "operator",
) -> None:
    from gateway.directory import connections

    try:
        if connections.is_configuration(reason):
            raise ValueError("such words are the axis's")
        run(_change(context, lambda tx: connections.stop(tx, name, reason, now())))
    except ValueError:
        raise typer.BadParameter("A reason is a short word. / Lý do là một từ ngắn không dấu.") from None
    say(Text(f"Kết nối {name} đã dừng.", f"Connection {name} is stopped."))


@app.command(
    help="Change a connection; one that the axis's answers stopped is used again.\n\n"
    "Sửa một kết nối; kết nối bị dừng do trục báo sai cấu hình sẽ chạy tiếp."
)
def change(
    context: typer.Context,
    name: Name,
    endpoint: Annotated[str | None, typer.Option(help="Address of the adapter. / Địa chỉ adapter của trục.")] = None,
    system_id: Annotated[str | None, typer.Option(help="The systemId given to you. / systemId được cấp.")] = None,
    secret_file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File that holds the secret. / Tệp chứa khóa bí mật.")
    ] = None,
    secret_env: Annotated[
        str | None, typer.Option(help="Variable that holds the secret. / Biến môi trường chứa khóa bí mật.")
    ] = None,
    allow_plain_http: Annotated[
        bool | None, typer.Option(help="Private network only. / Cho phép HTTP, chỉ trong mạng riêng.")
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="PEM of the authority to trust. / Tệp PEM của CA.")] = None,
    poll_seconds: Annotated[int | None, typer.Option(help="Seconds between polls. / Chu kỳ hỏi trục (giây).")] = None,
    max_connections: Annotated[
        int | None, typer.Option(help="Exchanges at a time. / Số lượt trao đổi cùng lúc.")
    ] = None,
) -> None:
    from gateway.directory.records import Changes

    if secret_file is not None and secret_env is not None:
        raise typer.BadParameter("Give one secret. / Chỉ ghi một nguồn khóa.")
    source = f"file:{secret_file.absolute()}" if secret_file else f"env:{secret_env}" if secret_env else None
    changes = Changes(
        endpoint=endpoint,
        system_id=system_id,
        secret_source=source,
        allow_plain_http=allow_plain_http,
        ca_file=str(ca_file.absolute()) if ca_file else None,
        max_connections=max_connections,
        poll_seconds=poll_seconds,
    )
    run(_change(context, lambda tx: _changed(tx, name, changes)))
    say(
        Text(
            f"Đã sửa kết nối {name}. Kiểm tra bằng: gateway doctor {name}",
            f"Changed connection {name}. Check it with: gateway doctor {name}",
        )
    )
    if source:
        _look_at_secret(source)


@app.command(help="Use a stopped connection again.\n\nTiếp tục dùng kết nối đã dừng.")
def resume(context: typer.Context, name: Name) -> None:
    run(_change(context, lambda tx: _resumed(tx, name)))
    say(Text(f"Kết nối {name} hoạt động trở lại.", f"Connection {name} is used again."))


def _text_of(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # what Java's Properties writes


def _row(one: "Connection") -> tuple[object, ...]:
    return (
        *(one.id, one.mode.value, one.endpoint, one.system_id, _when(one.cut_off), one.stopped_reason),
        *(_when(one.last_good_poll_at), one.last_poll_error, one.clock_skew_seconds, one.protocol),
        *(one.secret_source, one.allow_plain_http, one.ca_file, one.poll_seconds, one.max_connections),
    )


def _when(moment: datetime | None) -> str | None:
    return shown(moment) if moment else None


def _first_moment(since: str) -> datetime:
    """Midnight of a day in Vietnam."""
    today = now().astimezone(VIETNAM)
    if since == "today":
        return today.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=VIETNAM)
    except ValueError:
        raise typer.BadParameter("--since: YYYY-MM-DD, today") from None


def _look_at_secret(source: str) -> None:
    from gateway.opening import read_secret

    try:
        read_secret(source)
    except Problem as problem:
        warn(problem.text)


async def _add(
    context: typer.Context, new: "NewConnection", secret_file: Path | None, sdk: "SdkProperties | None"
) -> None:
    from gateway.directory import connections

    secret = sdk.secret if sdk is not None else None
    async with database(context) as store:
        with new_secret_file(secret_file if secret else None) as write:
            async with store.begin() as tx:
                await connections.add(tx, new, now())
                write(secret or "")


async def _changed(tx: "Transaction", name: str, changes: "Changes") -> "Connection":
    from gateway.directory import connections

    changed = await connections.change(tx, name, changes, now())
    await _give_a_chance(tx, name)
    return changed


async def _resumed(tx: "Transaction", name: str) -> "Connection":
    from gateway.directory import connections

    resumed = await connections.resume(tx, name, now())
    await _give_a_chance(tx, name)
    return resumed


async def _give_a_chance(tx: "Transaction", name: str) -> None:
    """Whatever failed before is tried at once."""
    from gateway.documents.stops import give_a_chance

    await give_a_chance(tx, name, now())


async def _every(context: typer.Context) -> "tuple[Connection, ...]":
    from gateway.directory import connections

    async with database(context) as store, store.read() as tx:
        return await connections.every(tx)


async def _preview(context: typer.Context, name: str, cut_off: datetime) -> "Divided":
    from gateway.directory import connections
    from gateway.documents.cut_off import divided

    async with database(context) as store, store.read() as tx:
        await connections.get(tx, name)
        return await divided(tx, name, cut_off)


async def _change(context: typer.Context, change: "Callable[[Transaction], Awaitable[Connection]]") -> None:
    async with database(context) as store, store.begin() as tx:
        await change(tx)
