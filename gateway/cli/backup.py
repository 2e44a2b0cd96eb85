"""`gateway backup`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import REFUSED, as_json, now, say, warn
from gateway.cli.groups import group_with
from gateway.cli.opened import database, run, settings_of
from gateway.problems import Text
from gateway.times import shown

if TYPE_CHECKING:
    from gateway.backup.manifest import Manifest
    from gateway.backup.taking import Step

app = typer.Typer(
    cls=group_with("create"),
    help="Backups of database and files. / Sao lưu cơ sở dữ liệu và tệp.",
    no_args_is_help=True,
)

Path_ = Annotated[Path, typer.Argument(metavar="PATH", help="A folder, or a file NAME.tar. / Thư mục, hoặc tệp .tar.")]


@app.command(
    help="Make a backup while the gateway runs. A folder keeps files it has already.\n\n"
    "Sao lưu trong khi đang chạy. Thư mục sao lưu giữ lại tệp đã có."
)
def create(
    context: typer.Context,
    path: Path_,
    json: Annotated[bool, typer.Option("--json", help="As JSON. / Dạng JSON.")] = False,
) -> None:
    manifest = run(_create(context, path))
    rows = sum(one.rows for one in manifest.tables)
    kept = manifest.blob_list.rows - manifest.lost
    if json:
        record = {"id": manifest.id, "taken_at": shown(manifest.taken_at), "rows": rows, "blobs": kept}
        typer.echo(as_json({**record, "blob_bytes": manifest.blob_bytes, "lost": manifest.lost}))
    say(
        Text(
            f"Đã sao lưu vào {path}: {rows} dòng, {kept} tệp, trạng thái lúc {shown(manifest.taken_at)}.",
            f"Backup made in {path}: {rows} rows, {kept} files, as of {shown(manifest.taken_at)}.",
        )
    )
    if manifest.lost:
        warn(
            Text(
                f"{manifest.lost} tệp trong kho bị mất hoặc hỏng nên không có trong bản sao lưu này.",
                f"{manifest.lost} files are lost or damaged in the blob folder, so this backup lacks them.",
            )
        )
        raise typer.Exit(REFUSED)


@app.command(help="Read a backup through and check all of it.\n\nĐọc và kiểm tra toàn bộ bản sao lưu.")
def verify(path: Path_) -> None:
    from gateway.backup.archive import open_source
    from gateway.backup.verifying import verify as verified_of

    verified = verified_of(open_source(path), progress())
    say(
        Text(
            f"Bản sao lưu lúc {shown(verified.manifest.taken_at)} nguyên vẹn: {verified.rows} dòng, {verified.blobs} tệp.",
            f"The backup of {shown(verified.manifest.taken_at)} is whole: {verified.rows} rows, {verified.blobs} files.",
        )
    )
    if verified.manifest.lost:
        warn(
            Text(
                f"Khi sao lưu đã thiếu {verified.manifest.lost} tệp.",
                f"{verified.manifest.lost} files were missing when it was made.",
            )
        )


def progress() -> "Callable[[Step], None]":
    """Tells on a terminal how far it is; elsewhere nothing."""
    if not sys.stderr.isatty():
        return lambda _: None

    def tell(step: "Step") -> None:
        of = f" / {step.of}" if step.of is not None else ""
        sys.stderr.write(f"\r\x1b[K{step.what}: {step.done}{of}")
        if step.done == step.of:
            sys.stderr.write("\n")
        sys.stderr.flush()

    return tell


async def _create(context: typer.Context, path: Path) -> "Manifest":
    from importlib.metadata import version
    from uuid import uuid4

    from gateway.backup.archive import new_target
    from gateway.backup.taking import take
    from gateway.opening import open_blobs

    async with database(context) as store:
        backup_id = str(uuid4())
        return await take(
            store,
            open_blobs(settings_of(context)),
            new_target(path, backup_id),
            backup_id=backup_id,
            version=version("lienthong-gateway"),
            clock=now,
            progress=progress(),
        )
