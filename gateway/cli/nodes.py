"""`gateway nodes`."""

import socket
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import now, say, show
from gateway.cli.opened import database, run, settings_of
from gateway.problems import Text
from gateway.times import shown

if TYPE_CHECKING:
    from gateway.installation.repository import Node

app = typer.Typer(
    help="The running nodes, and this machine. / Các tiến trình đang chạy, và máy này.", no_args_is_help=True
)

_COLUMNS = ("owner", "host", "version", "schema", "started_at", "seen_at")


@app.command("list", help="Nodes that live, with their versions.\n\nCác tiến trình đang chạy và phiên bản.")
def list_nodes(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")] = False
) -> None:
    rows = [
        (one.owner, one.host, one.version, one.schema, shown(one.started_at), shown(one.seen_at))
        for one in run(_living(context))
    ]
    show(_COLUMNS, rows, json_wanted=json)


@app.command(
    "trust-clock",
    help="This machine's clock is right now and was wrong before.\n\nĐồng hồ máy này nay đã đúng, trước đó sai.",
)
def trust_clock(context: typer.Context) -> None:
    run(_trust_clock(context))
    say(Text(f"Đã tin đồng hồ hiện tại: {shown(now())}.", f"The clock as it is now is trusted: {shown(now())}."))


@app.command(
    "adopt-folder",
    help="The blob folder of the settings belongs to this database from now on.\n\n"
    "Từ nay thư mục tệp trong cấu hình đi cùng cơ sở dữ liệu này.",
)
def adopt_folder(context: typer.Context) -> None:
    run(_adopt_folder(context))
    say(
        Text(
            "Thư mục tệp nay đi cùng cơ sở dữ liệu này. Tệp thiếu sẽ được nêu khi kiểm tra định kỳ.",
            "The blob folder belongs to this database now. Files that it lacks are named by the hourly check.",
        )
    )


async def _living(context: typer.Context) -> "list[Node]":
    from gateway.installation.nodes import living

    async with database(context) as store, store.read() as tx:
        return await living(tx, now())


async def _trust_clock(context: typer.Context) -> None:
    from gateway.installation import nodes
    from gateway.jobs import Jobs

    lease = settings_of(context).jobs.lease
    async with database(context) as store, store.begin() as tx:
        await nodes.trust_clock(tx, Jobs(now), socket.gethostname(), now(), lease_seconds=lease)


async def _adopt_folder(context: typer.Context) -> None:
    from gateway.installation import standing
    from gateway.opening import open_blobs

    blobs = open_blobs(settings_of(context))
    async with database(context) as store, store.begin() as tx:
        await standing.adopt_folder(tx, blobs, now())
