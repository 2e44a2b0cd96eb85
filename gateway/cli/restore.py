"""`gateway restore`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.backup import progress
from gateway.cli.console import as_json, now, one_line, say, warn
from gateway.cli.groups import group_with
from gateway.cli.opened import database, quiet, run, settings_of
from gateway.problems import Kind, Problem, Text
from gateway.times import shown

if TYPE_CHECKING:
    from gateway.axes import Axes
    from gateway.backup.differences import Differences
    from gateway.backup.restoring import Plan

app = typer.Typer(
    cls=group_with("run"),
    help="Restore from a backup, and what comes after. / Phục hồi từ bản sao lưu, và việc phải làm sau đó.",
    no_args_is_help=True,
)


@app.command(
    "run",
    help="Restore into an empty database and blob folder. Nothing leaves until released.\n\n"
    "Phục hồi vào cơ sở dữ liệu và thư mục tệp trống. Không gửi gì cho đến khi cho phép.",
)
def restore(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", exists=True, help="The backup. / Bản sao lưu.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show only. / Chỉ kiểm tra và xem.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the database that is there. / Thay thế dữ liệu hiện có.")
    ] = False,
) -> None:
    made = run(_restore(context, path, dry_run=dry_run, force=force))
    manifest = made.verified.manifest
    would = "Sẽ phục hồi" if dry_run else "Đã phục hồi"
    say(
        Text(
            f"{would} trạng thái lúc {shown(manifest.taken_at)}: {made.verified.rows} dòng, {made.verified.blobs} tệp.",
            f"{'Would restore' if dry_run else 'Restored'} the state of {shown(manifest.taken_at)}: "
            f"{made.verified.rows} rows, {made.verified.blobs} files.",
        )
    )
    if manifest.lost:
        warn(Text(f"Bản sao lưu thiếu {manifest.lost} tệp.", f"The backup lacks {manifest.lost} files."))
    if dry_run:
        rows = sum(made.found.values())
        warn(Text(f"Nơi phục hồi đang có {rows} dòng.", f"There are {rows} rows where it would go.")) if rows else None
        return
    warn(
        Text(
            "Mọi lần gửi và xác nhận đang bị giữ. Chạy 'gateway serve', xem 'gateway restore differences', "
            "rồi 'gateway restore release --all'.",
            "Nothing is sent or acknowledged now. Run 'gateway serve', look at 'gateway restore differences', "
            "then 'gateway restore release --all'.",
        )
    )


@app.command(
    help="What the axis knows and the restored database does not.\n\n"
    "Những gì trục đã ghi nhận mà cơ sở dữ liệu vừa phục hồi chưa có."
)
def differences(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")] = False
) -> None:
    found = run(_differences(context))
    if json:
        typer.echo(as_json(found))
    else:
        _tell(found)
    for connection, reason in found.not_asked:
        warn(
            Text(
                f"Không hỏi được trục qua {connection} ({reason}); phần đó chưa so sánh.",
                f"The axis of {connection} gave no answer ({reason}); that part is not compared.",
            )
        )
    say(
        Text(
            "Giới hạn: văn bản đã xác nhận với trục sau thời điểm sao lưu không còn trong danh sách của trục; "
            "đối chiếu với phần mềm QLVB hoặc đề nghị bên gửi gửi lại.",
            "Limit: what was acknowledged after the backup is listed by the axis no more; compare with the document "
            "system, or ask the senders to send again.",
        )
    )


@app.command(
    help="Let held dispatches leave: all, or those named. With --all, documents that the axis's sent list seems to "
    "know become Unknown instead.\n\nCho phép gửi: tất cả, hoặc những lần gửi được nêu. Với --all, văn bản có vẻ đã "
    "gửi theo danh sách của trục chuyển thành chưa rõ kết quả thay vì gửi lại."
)
def release(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="End the hold. / Kết thúc việc giữ.")] = False,
    dispatch: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this one. / Chỉ lần gửi này.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show. / Chỉ xem.")] = False,
    without_axis: Annotated[
        bool, typer.Option("--without-axis", help="Do not ask the axis first. / Không hỏi trục trước.")
    ] = False,
) -> None:
    if every == bool(dispatch):
        raise typer.BadParameter("Give --all, or --dispatch ID. / Ghi --all hoặc --dispatch ID.")
    if dispatch:
        if not dry_run:
            run(_release(context, dispatch))
        _told(len(dispatch), 0, dry_run=dry_run)
        return
    leaving, unknown = run(_release_all(context, dry_run=dry_run, without_axis=without_axis))
    _told(leaving, unknown, dry_run=dry_run)


def _tell(found: "Differences") -> None:
    lines = [f"# restored from the backup of {shown(found.restoration.taken_at)}"]
    lines += [f"# held: {len(found.held)}"]
    lines += [
        "\t".join(
            ("held", one.dispatch, one.type, one.document_id, ",".join(one.to_codes), one.in_backup or "new")
            + ((f"seen:{one.seen_as}",) if one.seen_as else ())
        )
        for one in found.held
    ]
    lines += [f"# sent since the backup: {len(found.sent_since)}"]
    lines += [
        "\t".join(("sent", one.axis_doc_id, one.type, one.notation or "", ",".join(one.to_codes), one.sent_time or ""))
        for one in found.sent_since
    ]
    lines += [f"# waiting at the axis: {len(found.waiting)}"]
    lines += [
        "\t".join(
            ("waiting", one.axis_doc_id, one.type, one.from_code or "", one.to_code or "", one.created_time or "")
        )
        for one in found.waiting
    ]
    for line in lines:
        typer.echo("\t".join(one_line(part) for part in line.split("\t")))


def _told(leaving: int, unknown: int, *, dry_run: bool) -> None:
    vi, en = ("Sẽ cho gửi", "Would let leave") if dry_run else ("Đã cho gửi", "Let leave")
    say(
        Text(
            f"{vi} {leaving} lần gửi; {unknown} văn bản có vẻ đã gửi chuyển sang chưa rõ kết quả.",
            f"{en}: {leaving} dispatches; {unknown} that seem to have left become Unknown.",
        )
    )


async def _restore(context: typer.Context, path: Path, *, dry_run: bool, force: bool) -> "Plan":
    from gateway.backup.archive import open_source
    from gateway.backup.restoring import plan
    from gateway.backup.restoring import restore as restored
    from gateway.evidence.recording import Recorder
    from gateway.handover.feed import Bell, Feed
    from gateway.opening import open_blobs
    from gateway.store import Store

    settings = settings_of(context)
    store, blobs, source = Store(settings.store), open_blobs(settings), open_source(path)
    try:
        made = await plan(source, store, blobs, now(), progress())
        if not dry_run:
            announce = Recorder(Feed(store, Bell(), look_seconds=1).announce).announce
            await restored(source, made, store, blobs, now=now(), announce=announce, progress=progress(), force=force)
        return made
    finally:
        await store.close()


async def _differences(context: typer.Context) -> "Differences":
    from gateway.backup.differences import compare

    async with database(context) as store, _axes() as axes:
        return await compare(store, axes.of)


async def _release(context: typer.Context, dispatches: list[str]) -> None:
    from gateway.installation import restored
    from gateway.jobs import Jobs

    async with database(context) as store, store.begin() as tx:
        await restored.release(tx, Jobs(now), dispatches, now())


async def _release_all(context: typer.Context, *, dry_run: bool, without_axis: bool) -> tuple[int, int]:
    from gateway.backup.differences import compare
    from gateway.evidence.recording import Recorder
    from gateway.handover.feed import Bell, Feed
    from gateway.installation import restored
    from gateway.jobs import Jobs

    async with database(context) as store, _axes() as axes:
        seen: list[str] = []
        if not without_axis:
            found = await compare(store, axes.of)
            if found.not_asked:
                raise _not_compared(found)
            seen = [one.dispatch for one in found.held if one.seen_as]
        if dry_run:
            async with store.read() as tx:
                waiting = await restored.held(tx)
            return len(waiting) - len(seen), len(seen)
        announce = Recorder(Feed(store, Bell(), look_seconds=1).announce).announce
        async with store.begin() as tx:
            return await restored.release_all(tx, Jobs(now), announce, seen, now())


@asynccontextmanager
async def _axes() -> "AsyncIterator[Axes]":
    from gateway.api.meters import Meters
    from gateway.axes import Axes
    from gateway.opening import clock

    axes = Axes(Meters(), clock)
    try:
        with quiet():
            yield axes
    finally:
        await axes.close()


def _not_compared(found: "Differences") -> Problem:
    named = ", ".join(f"{connection} ({reason})" for connection, reason in found.not_asked)
    return Problem(
        "restore.not_compared",
        Kind.UNAVAILABLE,
        Text(f"Chưa so sánh được với trục: {named}.", f"The axis could not be compared with: {named}."),
        Text(
            "Thử lại khi trục trả lời. Nếu chắc chắn chưa gửi gì sau khi sao lưu: thêm --without-axis.",
            "Try again when it answers. If nothing can have left since the backup: add --without-axis.",
        ),
    )
