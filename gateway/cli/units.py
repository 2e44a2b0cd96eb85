"""`gateway units`."""

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import now, say, show
from gateway.cli.opened import database, run
from gateway.problems import Text

if TYPE_CHECKING:
    from gateway.directory.records import NewUnit, Unit

app = typer.Typer(help="Our own bodies, by code. / Các đơn vị của cổng, theo mã định danh.", no_args_is_help=True)

_COLUMNS = (
    *("code", "name", "connection", "aliases", "organization_in_charge", "organ_add"),
    *("email", "telephone", "fax", "website"),
)
_NARROW = ("code", "name", "connection", "aliases")


@app.command(help="Add a unit and its other codes.\n\nThêm một đơn vị và các mã khác của đơn vị đó.")
def add(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="Identifier code. / Mã định danh.")],
    name: Annotated[str, typer.Option(help="Name as on its documents. / Tên như trên văn bản.")],
    connection: Annotated[str, typer.Option(help="Its connection. / Kết nối của đơn vị.")],
    alias: Annotated[list[str] | None, typer.Option(help="Another code of it. / Mã khác của đơn vị.")] = None,
    organization_in_charge: Annotated[str | None, typer.Option(help="Superior body. / Cơ quan chủ quản.")] = None,
    organ_add: Annotated[str | None, typer.Option(help="Address. / Địa chỉ.")] = None,
    email: Annotated[str | None, typer.Option(help="E-mail. / Thư điện tử.")] = None,
    telephone: Annotated[str | None, typer.Option(help="Telephone. / Điện thoại.")] = None,
    fax: Annotated[str | None, typer.Option(help="Fax.")] = None,
    website: Annotated[str | None, typer.Option(help="Website. / Trang thông tin điện tử.")] = None,
) -> None:
    from gateway.directory.records import NewUnit

    new = NewUnit(
        code=code,
        name=name,
        connection_id=connection,
        aliases=tuple(alias or ()),
        organization_in_charge=organization_in_charge,
        organ_add=organ_add,
        email=email,
        telephone=telephone,
        fax=fax,
        website=website,
    )
    unit = run(_add(context, new))
    say(Text(f"Đã thêm đơn vị {unit.code}.", f"Added unit {unit.code}."))


@app.command("list", help="All units.\n\nDanh sách đơn vị.")
def list_units(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")] = False
) -> None:
    rows = [
        (
            *(one.code, one.name, one.connection_id, one.aliases, one.organization_in_charge, one.organ_add),
            *(one.email, one.telephone, one.fax, one.website),
        )
        for one in run(_every(context))
    ]
    show(_COLUMNS, rows, json_wanted=json, narrow=_NARROW)


async def _add(context: typer.Context, new: "NewUnit") -> "Unit":
    from gateway.directory import units

    async with database(context) as store, store.begin() as tx:
        return await units.add(tx, new, now())


async def _every(context: typer.Context) -> "tuple[Unit, ...]":
    from gateway.directory import units

    async with database(context) as store, store.read() as tx:
        return await units.every(tx)
