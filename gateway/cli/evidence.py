"""`gateway evidence`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import REFUSED, as_json, now, say, show, warn
from gateway.cli.files import STANDARD, FileSinks, whole_or_nothing, workplace
from gateway.cli.opened import database, run, settings_of
from gateway.problems import Text

if TYPE_CHECKING:
    from gateway.evidence.auditing import Audit, Flaw
    from gateway.evidence.gathering import Gathered
    from gateway.evidence.heads import Head

app = typer.Typer(
    help="What can be shown later: export, verify, audit. / Chứng cứ: xuất, kiểm tra, kiểm toán nhật ký.",
    no_args_is_help=True,
)

Heads = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, readable=True, help="Heads kept elsewhere. / Tệp heads lưu ở nơi khác."),
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")]


@app.command(
    help="Write all there is about a document or a status into one file.\n\n"
    "Xuất mọi chứng cứ về một văn bản hoặc trạng thái ra một tệp."
)
def export(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The gateway's id of it. / Mã trong gateway.")],
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The file; - for stdout. / Tệp ghi ra; - là đầu ra chuẩn.")
    ] = None,
) -> None:
    from gateway.evidence.bundle import write_bundle
    from gateway.opening import open_blobs

    gathered = run(_gather(context, id))
    path = out or Path(f"evidence-{gathered.contents.subject.id}.zip")
    with whole_or_nothing(path) as file:
        write_bundle(gathered, open_blobs(settings_of(context)), file)
    if path != STANDARD:
        say(
            Text(
                f"Đã xuất {path}: {len(gathered.packets)} gói tin, {len(gathered.log.entries)} mục nhật ký.",
                f"Written to {path}: {len(gathered.packets)} packets, {len(gathered.log.entries)} entries of the log.",
            )
        )
    if gathered.log.waiting:
        warn(
            Text(
                f"{len(gathered.log.waiting)} mục nhật ký chưa vào chuỗi; xuất lại sau ít giây nếu cần.",
                f"{len(gathered.log.waiting)} entries are not chained yet; export again in some seconds if you need them.",
            )
        )


@app.command(
    help="Check a bundle; needs no gateway and no database.\n\n"
    "Kiểm tra gói chứng cứ; không cần gateway hay cơ sở dữ liệu.\n\nExit code 1: something is wrong. / Mã thoát 1: có sai khác."
)
def verify(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The bundle. / Gói chứng cứ.")
    ],
    heads: Heads = None,
    json: AsJson = False,
) -> None:
    from gateway.evidence.checking import check_bundle
    from gateway.evidence.reverifying import reverified

    with file.open("rb") as stream, workplace(None) as folder:
        sinks = FileSinks(folder)
        checked = check_bundle(stream, file.stat().st_size, sinks, reverified, _heads(heads))
        sinks.close()
    subject = checked.subject
    if json:
        typer.echo(
            as_json(
                {
                    "subject": subject,
                    "whole": not checked.flaws,
                    "packets": checked.packets,
                    "entries": checked.entries,
                    "remarks": [
                        {
                            "flaw": one.is_flaw,
                            "code": one.code,
                            "where": one.where,
                            "vi": one.text.vi,
                            "en": one.text.en,
                        }
                        for one in checked.remarks
                    ],
                }
            )
        )
    else:
        for one in checked.remarks:
            _tell(one.text, f"{one.code} {one.where}", is_flaw=one.is_flaw)
    if checked.flaws:
        raise typer.Exit(REFUSED)
    named = subject.document_id if subject else "-"
    say(
        Text(
            f"Gói chứng cứ nguyên vẹn: {named}, {checked.packets} gói tin, {checked.entries} mục nhật ký.",
            f"The bundle is whole: {named}, {checked.packets} packets, {checked.entries} entries of the log.",
        )
    )


@app.command(
    help="Read the whole log and say which entry was changed or removed.\n\n"
    "Đọc toàn bộ nhật ký, chỉ ra mục bị sửa hoặc bị xóa.\n\nExit code 1: something is wrong. / Mã thoát 1: có sai khác."
)
def audit(context: typer.Context, heads: Heads = None, json: AsJson = False) -> None:
    found = run(_audit(context, _heads(heads)))
    if json:
        typer.echo(
            as_json(
                {
                    "entries": found.entries,
                    "waiting": found.waiting,
                    "head": found.head.line(),
                    "heads": found.heads,
                    "flaws": [
                        {
                            "wrong": one.wrong,
                            "first": one.first,
                            "last": one.last,
                            "head": one.head.line() if one.head else None,
                        }
                        for one in found.flaws
                    ],
                }
            )
        )
    else:
        for one in found.flaws:
            _tell(_said(one), one.wrong, is_flaw=True)
    if found.flaws:
        raise typer.Exit(REFUSED)
    say(
        Text(
            f"Nhật ký nguyên vẹn: {found.entries} mục, so với {found.heads} giá trị đầu chuỗi; "
            f"{found.waiting} mục chưa vào chuỗi.",
            f"The log is whole: {found.entries} entries, compared with {found.heads} heads; "
            f"{found.waiting} are not chained yet.",
        )
    )


@app.command(
    help="The daily heads, one a line, to be kept elsewhere.\n\nGiá trị cuối mỗi ngày, mỗi dòng một ngày, để lưu nơi khác."
)
def head(
    context: typer.Context,
    all_days: Annotated[bool, typer.Option("--all", help="Every day's. / Mọi ngày.")] = False,
    json: AsJson = False,
) -> None:
    days, present = run(_head(context))
    shown = days if all_days else days[-1:]
    if json:
        show(
            ("day", "seq", "hash"),
            [(one.day.isoformat() if one.day else None, one.seq, one.hash) for one in (*shown, present)],
            json_wanted=True,
        )
        return
    for one in shown:
        typer.echo(one.line())
    typer.echo(f"# {present.line()}")


async def _gather(context: typer.Context, id: str) -> "Gathered":
    from gateway.evidence.gathering import gather

    async with database(context) as store, store.snapshot() as tx:
        return await gather(tx, id)


async def _audit(context: typer.Context, outside: "tuple[Head, ...]") -> "Audit":
    from gateway.evidence.auditing import audit

    async with database(context) as store:
        return await audit(store, outside, now(), _progress())


async def _head(context: typer.Context) -> "tuple[list[Head], Head]":
    from gateway.evidence import repository

    async with database(context) as store, store.read() as tx:
        return await repository.days(tx), await repository.head(tx)


def _heads(path: Path | None) -> "tuple[Head, ...]":
    from gateway.evidence.heads import read_heads

    if path is None:
        return ()
    with path.open(encoding="utf-8", errors="replace") as file:
        return read_heads(iter(lambda: file.readline(1000), ""))


def _progress() -> Callable[[int, int], None]:
    if not sys.stderr.isatty():
        return lambda *_: None

    def tell(done: int, of: int) -> None:
        sys.stderr.write(f"\r\x1b[K{done} / {of}" + ("\n" if done >= of else ""))
        sys.stderr.flush()

    return tell


def _tell(text: Text, where: str, *, is_flaw: bool) -> None:
    if not is_flaw:
        warn(Text(f"{where}: {text.vi}", f"{where}: {text.en}"))
        return
    typer.echo(f"{typer.style('[LỖI]', fg='red')} {where}\n  {text.vi}\n  {text.en}", err=True)


def _said(one: "Flaw") -> Text:
    from gateway.evidence.auditing import Wrong

    at = str(one.first) if one.first == one.last else f"{one.first}-{one.last}"
    line = one.head.line() if one.head else ""
    match one.wrong:
        case Wrong.CHANGED:
            return Text(f"Mục {at} đã bị sửa.", f"Entry {at} was changed.")
        case Wrong.REMOVED:
            return Text(f"Mục {at} đã bị xóa.", f"Entry {at} was removed.")
        case Wrong.UNLINKED:
            return Text(
                f"Mục {one.last} không nối tiếp mục {one.first}: mục {one.first} đã bị sửa cùng với hash của nó.",
                f"Entry {one.last} does not follow {one.first}: {one.first} was changed together with its hash.",
            )
        case Wrong.CUT_OFF:
            return Text(
                f"Thiếu cuối nhật ký: mục {at}, có trong «{line}».",
                f"The end is missing: {at}, of which “{line}” speaks.",
            )
        case Wrong.HEAD_DIFFERS:
            return Text(
                f"Trong các mục {at} có mục đã bị sửa hoặc thay: khác với «{line}».",
                f"Among entries {at} some were changed or replaced: they contradict “{line}”.",
            )
        case Wrong.NOT_CHAINED:
            return Text(
                "Có mục chờ vào chuỗi quá lâu: tiến trình gateway worker có chạy không?",
                "Entries have waited too long to be chained: is a worker running?",
            )
