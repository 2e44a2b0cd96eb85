"""`gateway desk`: what went wrong, and what a person does about it. The logic lives in gateway.desk."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gateway.cli.console import REFUSED, as_json, now, say, show
from gateway.cli.opened import database, run
from gateway.problems import Kind, Problem, Text
from gateway.times import shown

if TYPE_CHECKING:
    from gateway.desk.acting import Desk
    from gateway.desk.model import DeskItem, Opened, Tried, Who
    from gateway.documents.model import Document
    from gateway.store import Store, Transaction

T = TypeVar("T")

app = typer.Typer(
    help="What went wrong, and what to do about it. / Bàn xử lý: việc hỏng và cách xử lý.", no_args_is_help=True
)

Item = Annotated[str, typer.Argument(help="Id of a thing on the desk. / Mã mục trên bàn xử lý.")]
DocumentId = Annotated[str, typer.Argument(help="Our id of the document. / Mã văn bản của cổng.")]
Reason = Annotated[str, typer.Option(help="Why; it is written down. / Lý do, được ghi lại.")]
Force = Annotated[
    bool, typer.Option("--force", help="Also to who has it, or may have it. / Gửi cả nơi đã có hoặc có thể đã có.")
]

_COLUMNS = (
    *("id", "sort", "state", "reason", "document", "unit_code", "connection", "from", "to", "attempts"),
    *("axis_code", "axis_text", "changed_at", "actions", "advice"),
)
_NARROW = ("id", "sort", "state", "reason", "to", "attempts", "changed_at", "actions")
_MOST = 200


@app.command("list", help="What somebody has to look at, newest first.\n\nViệc cần người xử lý, mới nhất trước.")
def list_items(
    context: typer.Context,
    sort: Annotated[
        str | None, typer.Option(help="dispatch, arrival or delivery. / Gửi đi, gói tin đến, hay bàn giao.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only of this reason. / Chỉ lý do này.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many. / Nhiều nhất bấy nhiêu.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")] = False,
) -> None:
    rows = [_row(one) for one in run(_search(context, sort, reason, limit))]
    show(_COLUMNS, rows, json_wanted=json, narrow=_NARROW)


@app.command("show", help="All that is known of one, as JSON.\n\nMọi điều đã biết về một mục, dạng JSON.")
def show_item(context: typer.Context, id: Item) -> None:
    opened = run(_opened(context, id))
    typer.echo(as_json({**dict(zip(_COLUMNS, _row(opened.item), strict=True)), **_more(opened)}))


@app.command("send-again", help="Send one or many again, each by itself.\n\nGửi lại một hay nhiều mục.")
def send_again(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(help="Ids of things on the desk. / Mã các mục.")],
    reason: Reason,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be. / Chỉ cho biết sẽ làm gì.")
    ] = False,
) -> None:
    tried = run(_send_again(context, ids, reason, dry_run=dry_run))
    rows = [(one.id, one.refused is None, one.refused.code if one.refused else None) for one in tried]
    show(("id", "done", "code"), rows, json_wanted=False)
    if any(one.refused for one in tried):
        raise typer.Exit(REFUSED)


@app.command(
    help="Say what came of a dispatch of unknown outcome: arrived or send_again.\n\n"
    "Quyết định một lần gửi chưa rõ kết quả: arrived (đã tới) hoặc send_again (gửi lại)."
)
def settle(
    context: typer.Context,
    id: Item,
    outcome: Annotated[str, typer.Argument(help="arrived or send_again. / Đã tới, hoặc gửi lại.")],
    reason: Reason,
) -> None:
    from gateway.desk.model import Decision

    if outcome not in set(Decision):
        raise typer.BadParameter("arrived | send_again", param_hint="OUTCOME")
    _say_state(run(_act(context, lambda desk, tx, who: desk.settle(tx, who, id, Decision(outcome), reason))))


@app.command(
    "read-again",
    help="Read anew what was set apart, from the packet that was kept.\n\nĐọc lại gói tin đã để riêng.",
)
def read_again(context: typer.Context, id: Item, reason: Reason) -> None:
    _say_state(run(_act(context, lambda desk, tx, who: desk.read_again(tx, who, id, reason))))


@app.command(help="Do nothing more with it; all of it is kept.\n\nKhông xử lý nữa; mọi thứ vẫn được giữ.")
def discard(context: typer.Context, id: Item, reason: Reason) -> None:
    _say_state(run(_act(context, lambda desk, tx, who: desk.discard(tx, who, id, reason))))


@app.command(help="A new dispatch of a document to some of its recipients.\n\nGửi lại văn bản cho một số nơi nhận.")
def resend(
    context: typer.Context,
    document: DocumentId,
    to: Annotated[list[str], typer.Option(help="A recipient's code. / Mã nơi nhận.")],
    reason: Reason,
    force: Force = False,
) -> None:
    async def act(desk: "Desk", tx: "Transaction", who: "Who") -> str:
        found = await _document(tx, document)
        return (await desk.resend(tx, who, found, to, reason, force=force)).id

    _say_dispatch(run(_act(context, act)))


@app.command(
    "change-addressee",
    help="A new dispatch of a document with the right code in place of a wrong one.\n\n"
    "Gửi lại văn bản với mã nơi nhận đúng thay cho mã sai.",
)
def change_addressee(
    context: typer.Context,
    document: DocumentId,
    wrong: Annotated[str, typer.Argument(help="The code as it was. / Mã cũ.")],
    right: Annotated[str, typer.Argument(help="The code as it should be. / Mã đúng.")],
    reason: Reason,
    force: Force = False,
) -> None:
    async def act(desk: "Desk", tx: "Transaction", who: "Who") -> str:
        found = await _document(tx, document)
        return (await desk.change_addressee(tx, who, found, wrong, right, reason, force=force)).id

    _say_dispatch(run(_act(context, act)))


def _say_state(item: "DeskItem") -> None:
    say(Text(f"{item.id} nay là: {item.state}.", f"{item.id} stands at: {item.state}."))


def _say_dispatch(id: str) -> None:
    say(Text(f"Lần gửi mới: {id}.", f"The new dispatch: {id}."))


def _row(one: "DeskItem") -> tuple[object, ...]:
    return (
        *(one.id, one.sort.value, str(one.state), one.reason, one.document, one.unit_code, one.connection),
        *(one.from_code, one.to_codes, one.attempts, one.axis_code, one.axis_text, shown(one.changed_at)),
        *(tuple(action.value for action in one.actions), f"{one.advice.vi} / {one.advice.en}"),
    )


def _more(opened: "Opened") -> dict[str, object]:
    return {
        "tries": opened.attempts,
        "settling": opened.settling,
        "findings": opened.item.findings,
        "history": opened.actions,
    }


async def _search(context: typer.Context, sort: str | None, reason: str | None, limit: int) -> "list[DeskItem]":
    from gateway.desk import looking
    from gateway.desk.model import DeskSort

    if sort is not None and sort not in set(DeskSort):
        raise typer.BadParameter(" | ".join(DeskSort), param_hint="--sort")
    sorts = tuple(DeskSort) if sort is None else (DeskSort(sort),)
    async with database(context) as store, store.read() as tx:
        return await looking.search(tx, _operator(), sorts=sorts, reason=reason, before=None, limit=limit)


async def _opened(context: typer.Context, id: str) -> "Opened":
    from gateway.desk import looking
    from gateway.jobs import Jobs

    async with database(context) as store, store.read() as tx:
        return await looking.opened(tx, Jobs(now), _operator(), id)


async def _send_again(context: typer.Context, ids: list[str], reason: str, *, dry_run: bool) -> "list[Tried]":
    async with database(context) as store:
        return await _desk(store).send_again(_operator(), ids, reason, dry_run=dry_run)


async def _act(context: typer.Context, act: "Callable[[Desk, Transaction, Who], Awaitable[T]]") -> T:
    async with database(context) as store, store.begin() as tx:
        return await act(_desk(store), tx, _operator())


def _desk(store: "Store") -> "Desk":
    from gateway.desk.acting import Desk
    from gateway.evidence.recording import Recorder
    from gateway.handover.feed import Bell, Feed
    from gateway.jobs import Jobs

    feed = Feed(store, Bell(), look_seconds=1)
    return Desk(store=store, jobs=Jobs(now), announce=Recorder(feed.announce).announce, clock=now)


def _operator() -> "Who":
    from getpass import getuser

    from gateway.desk.model import Who

    return Who(name=f"os {getuser()}", units=None)


async def _document(tx: "Transaction", id: str) -> "Document":
    from gateway.documents.repository import find_document

    found = await find_document(tx, id)
    if found is None:
        raise Problem(
            "document.unknown",
            Kind.NOT_FOUND,
            Text("Không có văn bản này.", "There is no such document."),
            Text("Kiểm tra mã văn bản: gateway desk list.", "Check its id: gateway desk list."),
        )
    return found
