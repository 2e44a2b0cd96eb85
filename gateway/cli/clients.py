"""`gateway clients`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import now, say, show, warn
from gateway.cli.files import new_secret_file
from gateway.cli.opened import database, run
from gateway.problems import Text
from gateway.times import shown

if TYPE_CHECKING:
    from gateway.api.repository import ClientRow

app = typer.Typer(help="Document systems and their API keys. / Phần mềm QLVB và khóa API.", no_args_is_help=True)

_COLUMNS = ("id", "name", "key_prefix", "units", "created_at", "last_used_on", "revoked_at")


@app.command(help="Add a client and print its key, once.\n\nThêm phần mềm và in khóa API, chỉ một lần.")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the client is called. / Tên phần mềm.")],
    unit: Annotated[list[str], typer.Option(help="A unit that it acts for. / Đơn vị mà phần mềm làm việc thay.")],
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="Write the key to this new file (0600) instead. / Ghi khóa vào tệp mới này thay vì in ra.",
        ),
    ] = None,
) -> None:
    key = run(_add(context, name, unit, key_file))
    if key_file is not None:
        say(Text(f"Đã thêm {name}; khóa nằm trong {key_file}.", f"Added {name}; the key is in {key_file}."))
        return
    typer.echo(key)
    warn(
        Text(
            "Khóa này không được hiển thị lại; hãy lưu vào nơi an toàn ngay bây giờ.",
            "This key is not shown again; put it in a safe place now.",
        )
    )


@app.command("list", help="All clients; keys are not shown.\n\nDanh sách phần mềm; không hiện khóa.")
def list_clients(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")] = False
) -> None:
    rows = [
        (
            *(one.id, one.name, one.key_prefix, sorted(one.units), shown(one.created_at), one.last_used_on),
            shown(one.revoked_at) if one.revoked_at else None,
        )
        for one in run(_every(context))
    ]
    show(_COLUMNS, rows, json_wanted=json, narrow=_COLUMNS[1:])


@app.command(help="Revoke a client's key, by name, key prefix or id.\n\nThu hồi khóa theo tên, tiền tố khóa hoặc id.")
def revoke(
    context: typer.Context, client: Annotated[str, typer.Argument(help="Name, key prefix or id. / Tên, tiền tố, id.")]
) -> None:
    count = run(_revoke(context, client))
    say(Text(f"Đã thu hồi {count} khóa.", f"Revoked {count} key(s)."))


async def _add(context: typer.Context, name: str, codes: list[str], key_file: Path | None) -> str:
    from gateway.api import clients
    from gateway.directory import units

    async with database(context) as store:
        with new_secret_file(key_file) as write:
            async with store.begin() as tx:
                bound = [(await units.get(tx, code)).code for code in codes]
                key = await clients.add(tx, name, frozenset(bound), now())
                write(key)
            return key


async def _every(context: typer.Context) -> "list[ClientRow]":
    from gateway.api import clients

    async with database(context) as store, store.read() as tx:
        return await clients.listed(tx)


async def _revoke(context: typer.Context, client: str) -> int:
    from gateway.api import clients

    async with database(context) as store, store.begin() as tx:
        return await clients.revoke(tx, client, now())
