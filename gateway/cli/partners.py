"""`gateway partners`."""

from dataclasses import fields
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import now, say, show
from gateway.cli.opened import database, run, write_down
from gateway.problems import Text
from gateway.signing.partners.model import Policy, Treatment
from gateway.times import VIETNAM

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    help="What is agreed with partners about signatures, by date. / Thỏa thuận về chữ ký với từng đối tác, theo ngày.",
    no_args_is_help=True,
)

_COLUMNS = tuple(field.name for field in fields(Policy))
_Code = Annotated[str, typer.Argument(help="Their identifier code, or *. / Mã định danh của đối tác, hoặc *.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")]


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("YYYY-MM-DD") from None


@app.command(
    help="Agree how a partner's packets are treated from a day on: mark, alarm or set_apart.\n\n"
    "Ghi cách xử lý gói tin của một đối tác từ một ngày: mark (ghi chú), alarm (cảnh báo), set_apart (để riêng)."
)
def agree(
    context: typer.Context,
    partner: _Code,
    since: Annotated[
        date | None,
        typer.Option(
            parser=_read_day, metavar="YYYY-MM-DD", help="First day; today without it. / Ngày đầu; mặc định hôm nay."
        ),
    ] = None,
    until: Annotated[
        date | None, typer.Option(parser=_read_day, metavar="YYYY-MM-DD", help="Last day. / Ngày cuối.")
    ] = None,
    unsigned: Annotated[Treatment, typer.Option(help="Without a signature. / Không có chữ ký.")] = Treatment.MARK,
    stranger: Annotated[Treatment, typer.Option(help="Signed by somebody else. / Do người lạ ký.")] = Treatment.MARK,
    changed: Annotated[
        Treatment, typer.Option(help="Changed after signing. / Bị thay đổi sau khi ký.")
    ] = Treatment.MARK,
    downgraded: Annotated[
        Treatment, typer.Option(help="Signed so far, now not. / Trước có ký, nay không.")
    ] = Treatment.ALARM,
    signs_since: Annotated[
        date | None,
        typer.Option(
            parser=_read_day, metavar="YYYY-MM-DD", help="Known to sign from this day on. / Đã ký từ ngày này."
        ),
    ] = None,
    sha1: Annotated[bool, typer.Option("--sha1", help="Take SHA-1, as weak. / Chấp nhận SHA-1, coi là yếu.")] = False,
    enveloped: Annotated[
        bool,
        typer.Option(
            "--enveloped", help="Send them an ordinary enveloped signature. / Gửi họ chữ ký XML thông thường."
        ),
    ] = False,
) -> None:
    policy = Policy(
        partner=partner,
        since=since or _today(),
        until=until,
        unsigned=unsigned,
        stranger=stranger,
        changed=changed,
        downgraded=downgraded,
        signs_since=signs_since,
        sha1=sha1,
        enveloped=enveloped,
    )
    run(_agree(context, policy))
    day = policy.since.isoformat()
    say(Text(f"Đã ghi chính sách của {partner} từ ngày {day}.", f"Written down for {partner} from {day}."))


@app.command("list", help="All agreements.\n\nDanh sách các chính sách.")
def list_policies(context: typer.Context, json: _Json = False) -> None:
    rows = run(_every(context))
    show(_COLUMNS, [[getattr(one, name) for name in _COLUMNS] for one in rows], json_wanted=json)


@app.command(
    "show", help="What is in force for a partner on a day.\n\nChính sách có hiệu lực với một đối tác trong ngày."
)
def show_policy(
    context: typer.Context,
    partner: _Code,
    on: Annotated[
        date | None,
        typer.Option(
            parser=_read_day, metavar="YYYY-MM-DD", help="The day; today without it. / Ngày; mặc định hôm nay."
        ),
    ] = None,
    json: _Json = False,
) -> None:
    policy = run(_in_force(context, partner, on or _today()))
    show(_COLUMNS, [[getattr(policy, name) for name in _COLUMNS]], json_wanted=json)


@app.command(help="Take an agreement out again.\n\nGỡ một chính sách.")
def remove(
    context: typer.Context,
    partner: _Code,
    since: Annotated[
        date, typer.Option(parser=_read_day, metavar="YYYY-MM-DD", help="Its first day. / Ngày đầu của chính sách.")
    ],
) -> None:
    run(_end(context, partner, since))
    day = since.isoformat()
    say(Text(f"Đã gỡ chính sách của {partner} từ ngày {day}.", f"Taken out: {partner} from {day}."))


def _today() -> date:
    return now().astimezone(VIETNAM).date()


async def _agree(context: typer.Context, policy: Policy) -> None:
    from gateway.documents.announcing import Witnessed
    from gateway.signing.partners import agreements

    async with database(context) as store, store.begin() as tx:
        await agreements.agree(tx, policy)
        agreed = {name: str(getattr(policy, name)) for name in _COLUMNS}
        await write_down(tx, Witnessed.POLICY_DECIDED, change="agreed", **agreed)


async def _every(context: typer.Context) -> "Sequence[Policy]":
    from gateway.signing.partners import agreements

    async with database(context) as store, store.read() as tx:
        return await agreements.every(tx)


async def _in_force(context: typer.Context, partner: str, on: date) -> Policy:
    from gateway.directory import catalogue
    from gateway.signing.partners import agreements

    async with database(context) as store, store.read() as tx:
        return await agreements.with_partner(tx, await catalogue.aliases(tx, partner), on)


async def _end(context: typer.Context, partner: str, since: date) -> None:
    from gateway.documents.announcing import Witnessed
    from gateway.signing.partners import agreements

    async with database(context) as store, store.begin() as tx:
        await agreements.end(tx, partner, since)
        await write_down(tx, Witnessed.POLICY_DECIDED, change="removed", partner=partner, since=since.isoformat())
