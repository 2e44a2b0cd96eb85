"""`gateway webhooks`."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from gateway.cli.console import REFUSED, now, say, show
from gateway.cli.files import new_secret_file
from gateway.cli.opened import database, run, settings_of
from gateway.problems import Text
from gateway.times import VIETNAM, shown

if TYPE_CHECKING:
    from gateway.handover.webhooks.model import Backlog, Called, Endpoint, NewEndpoint
    from gateway.jobs import Jobs
    from gateway.store import Transaction

app = typer.Typer(help="Calls to document systems. / Các địa chỉ webhook của phần mềm QLVB.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The webhook's name. / Tên webhook.")]
SecretFile = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False,
        help="File that holds the secret (whsec_…); made (0600) where there is none. / "
        "Tệp chứa khóa bí mật (whsec_…); chưa có thì được tạo mới (0600).",
    ),
]
SecretEnv = Annotated[
    str | None, typer.Option(help="Variable that holds the secret. / Biến môi trường chứa khóa bí mật.")
]

_COLUMNS = (
    *("name", "url", "units", "groups", "hands_over", "state", "paused_reason", "waiting", "given_up"),
    *("failing_since", "last_error", "told_to", "secret_sources", "allow_plain_http", "ca_file"),
)
_NARROW = ("name", "url", "units", "hands_over", "state", "paused_reason", "waiting", "given_up", "last_error")


@app.command(
    help="Call an address with what happens to some units from now on.\n\n"
    "Gọi tới một địa chỉ khi có sự kiện của các đơn vị, kể từ bây giờ."
)
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="https://host/path of the document system. / Địa chỉ của phần mềm.")],
    unit: Annotated[list[str], typer.Option(help="A unit whose events are told. / Đơn vị có sự kiện được báo.")],
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    name: Annotated[str | None, typer.Option(help="By default the host. / Mặc định là tên máy.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="document, status, alarm; all by default. / Mặc định là tất cả.")
    ] = None,
    hands_over: Annotated[
        bool,
        typer.Option(
            "--hands-over",
            help="An answer 2xx to document.arrived hands the document over: 01 goes out. / "
            "Trả lời 2xx cho document.arrived là đã bàn giao văn bản: 01 tự gửi đi.",
        ),
    ] = False,
    allow_plain_http: Annotated[
        bool,
        typer.Option("--allow-plain-http", help="Private network only. / Cho phép HTTP, chỉ trong mạng riêng."),
    ] = False,
    ca_file: Annotated[Path | None, typer.Option(help="PEM of the authority to trust. / Tệp PEM của CA.")] = None,
) -> None:
    from gateway.handover.webhooks.model import GROUPS, NewEndpoint

    new = NewEndpoint(
        name=name or (urlsplit(url).hostname or "").replace(":", "-"),
        url=url,
        secret_source=_source(secret_file, secret_env),
        units=frozenset(unit),
        groups=frozenset(group or GROUPS),
        hands_over=hands_over,
        allow_plain_http=allow_plain_http,
        ca_file=str(ca_file.absolute()) if ca_file else None,
    )
    run(_add(context, new, secret_file))
    say(
        Text(
            f"Đã thêm webhook {new.name}. Gọi thử bằng: gateway webhooks test {new.name}",
            f"Added webhook {new.name}. Try it with: gateway webhooks test {new.name}",
        )
    )


@app.command("list", help="All webhooks.\n\nDanh sách webhook.")
def list_webhooks(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")] = False
) -> None:
    rows = [_row(endpoint, backlog) for endpoint, backlog in run(_every(context))]
    show(_COLUMNS, rows, json_wanted=json, narrow=_NARROW)


@app.command(
    help="Sign with a new secret and the one before; with --finish with the new one alone.\n\n"
    "Ký bằng cả khóa mới và khóa cũ; với --finish chỉ ký bằng khóa mới."
)
def rotate(
    context: typer.Context,
    name: Name,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    finish: Annotated[bool, typer.Option("--finish", help="The receiver has it. / Bên nhận đã đổi xong.")] = False,
) -> None:
    from gateway.handover.webhooks import endpoints

    if finish:
        run(_change(context, lambda tx, _: endpoints.finish_rotation(tx, name, now())))
        say(Text(f"Webhook {name} chỉ còn ký bằng khóa mới.", f"Webhook {name} signs with the new secret alone."))
        return
    run(_rotate(context, name, _source(secret_file, secret_env), secret_file))
    say(
        Text(
            f"Webhook {name} ký bằng cả hai khóa. Khi bên nhận đã đổi: gateway webhooks rotate {name} --finish",
            f"Webhook {name} signs with both. Once the receiver has it: gateway webhooks rotate {name} --finish",
        )
    )


@app.command(help="Make no more calls until resumed; nothing is lost.\n\nTạm dừng gọi cho đến khi tiếp tục.")
def pause(context: typer.Context, name: Name) -> None:
    from gateway.handover.webhooks import endpoints

    run(_change(context, lambda tx, _: endpoints.pause(tx, name, now())))
    say(Text(f"Webhook {name} đã tạm dừng.", f"Webhook {name} is paused."))


@app.command(help="Call again, from where it was left.\n\nGọi tiếp từ chỗ đã dừng.")
def resume(context: typer.Context, name: Name) -> None:
    from gateway.handover.webhooks import endpoints

    run(_change(context, lambda tx, jobs: endpoints.resume(tx, jobs, name, now())))
    say(Text(f"Webhook {name} hoạt động trở lại.", f"Webhook {name} is called again."))


@app.command(help="Make one call of type webhook.test now.\n\nGọi thử một lần, loại webhook.test.")
def test(context: typer.Context, name: Name) -> None:
    called = run(_test(context, name))
    if called.failure is None:
        say(
            Text(
                f"Bên nhận trả lời {called.http_status} sau {called.seconds:.2f} giây.",
                f"The receiver answered {called.http_status} after {called.seconds:.2f} s.",
            )
        )
        return
    say(
        Text(
            f"Không thành công: {called.failure} sau {called.seconds:.2f} giây.",
            f"It failed: {called.failure} after {called.seconds:.2f} s.",
        )
    )
    raise typer.Exit(REFUSED)


@app.command(
    help="Tell again what happened since a time, with the same webhook-id as then.\n\n"
    "Báo lại các sự kiện kể từ một thời điểm, giữ nguyên webhook-id."
)
def replay(
    context: typer.Context,
    name: Name,
    since: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="2026-11-22 or 2026-11-22T08:30 (Vietnam). / Giờ Việt Nam."),
    ],
) -> None:
    from gateway.handover.webhooks import endpoints

    moment = _moment(since)
    run(_change(context, lambda tx, jobs: endpoints.replay(tx, jobs, name, since=moment)))
    say(Text(f"Webhook {name} báo lại từ {shown(moment)}.", f"Webhook {name} is told again from {shown(moment)}."))


@app.command(help="Forget a webhook and what it was still to be told.\n\nXóa webhook và những gì chưa kịp báo.")
def remove(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. / Không hỏi lại.")] = False,
) -> None:
    from gateway.handover.webhooks import endpoints

    if not yes:
        typer.confirm(f"Xóa / Remove {name}?", abort=True, err=True)
    run(_change(context, lambda tx, _: endpoints.remove(tx, name)))
    say(Text(f"Đã xóa webhook {name}.", f"Removed webhook {name}."))


def _source(secret_file: Path | None, secret_env: str | None) -> str:
    if (secret_file is None) == (secret_env is None):
        raise typer.BadParameter(
            "Give one of --secret-file and --secret-env. / Ghi đúng một trong --secret-file và --secret-env."
        )
    return f"file:{secret_file.absolute()}" if secret_file else f"env:{secret_env}"


@contextmanager
def _secret(source: str, secret_file: Path | None) -> Iterator[Callable[[], None]]:
    """Gives what puts a new secret in its place; one that is there already is looked at, and stays."""
    from gateway.handover.webhooks import signing
    from gateway.opening import read_secret

    if secret_file is not None and not secret_file.exists():
        with new_secret_file(secret_file) as write:
            yield lambda: write(signing.new_secret())
        return
    signing.key_of(read_secret(source))
    yield lambda: None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--from: 2026-11-22, 2026-11-22T08:30, 2026-11-22T08:30+07:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def _row(one: "Endpoint", backlog: "Backlog") -> tuple[object, ...]:
    return (
        *(one.name, one.url, sorted(one.units), sorted(one.groups), one.hands_over, one.state.value),
        *(one.paused_reason, backlog.open + backlog.parked, backlog.failed),
        *(shown(one.failing_since) if one.failing_since else None, one.last_error, one.cursor),
        *(list(one.secret_sources), one.allow_plain_http, one.ca_file),
    )


async def _add(context: typer.Context, new: "NewEndpoint", secret_file: Path | None) -> None:
    from gateway.handover.webhooks import endpoints
    from gateway.jobs import Jobs

    hosts = settings_of(context).handover.allowed_hosts
    async with database(context) as store:
        with _secret(new.secret_source, secret_file) as write:
            async with store.begin() as tx:
                await endpoints.add(tx, Jobs(now), new, hosts, now())
                write()


async def _rotate(context: typer.Context, name: str, source: str, secret_file: Path | None) -> None:
    from gateway.handover.webhooks import endpoints

    async with database(context) as store:
        with _secret(source, secret_file) as write:
            async with store.begin() as tx:
                await endpoints.rotate(tx, name, source, now())
                write()


async def _every(context: typer.Context) -> "list[tuple[Endpoint, Backlog]]":
    from gateway.handover.webhooks import endpoints

    async with database(context) as store, store.read() as tx:
        return await endpoints.every(tx)


async def _test(context: typer.Context, name: str) -> "Called":
    from gateway.handover.webhooks import endpoints
    from gateway.opening import caller_for

    async with database(context) as store, store.read() as tx:
        endpoint = await endpoints.get(tx, name)
    caller = caller_for(settings_of(context))
    try:
        return await caller.test(endpoint)
    finally:
        await caller.close()


async def _change(context: typer.Context, change: "Callable[[Transaction, Jobs], Awaitable[Endpoint]]") -> None:
    from gateway.jobs import Jobs

    async with database(context) as store, store.begin() as tx:
        await change(tx, Jobs(now))
