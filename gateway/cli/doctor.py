"""`gateway doctor`."""

from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import REFUSED, as_json, now, one_line
from gateway.cli.opened import quiet, run, settings_of

if TYPE_CHECKING:
    from gateway.doctor import Check

HELP = (
    "Say layer by layer what works and what refuses: settings, database, disk, line, signature, codes.\n\n"
    "Kiểm tra từng lớp: cấu hình, cơ sở dữ liệu, đĩa, đường truyền, chữ ký, mã định danh.\n\n"
    "Exit code 1 when something refuses. / Mã thoát 1 khi có lớp từ chối."
)


def doctor(
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(help="Only this connection. / Chỉ kiểm tra kết nối này.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, at the end. / Dạng JSON, in khi xong.")] = False,
) -> None:
    with quiet():
        checks = run(_examine(context, connection, printed=not json))
    refused = any(check.refuses for check in checks)
    if json:
        typer.echo(as_json({"ok": not refused, "checks": [asdict(check) for check in checks]}))
    if refused:
        raise typer.Exit(REFUSED)


async def _examine(context: typer.Context, connection: str | None, *, printed: bool) -> "list[Check]":
    from gateway.doctor import examine

    found = []
    async with aclosing(examine(lambda: settings_of(context), clock=now, connection_id=connection)) as checks:
        async for check in checks:
            found.append(check)
            if printed:
                _print(check)
    return found


def _print(check: "Check") -> None:
    from gateway.doctor.checks import LABELS, Verdict

    mark, colour = {
        Verdict.OK: ("[OK]", "green"),
        Verdict.WARNING: ("[CẢNH BÁO]", "yellow"),
        Verdict.ERROR: ("[LỖI]", "red"),
    }[check.verdict]
    label = LABELS[check.layer]
    whose = "".join(f" · {name}" for name in (check.connection, check.unit) if name)
    typer.echo(f"{typer.style(mark, fg=colour)} {label.vi} / {label.en}{whose}: {one_line(check.text.vi)}")
    typer.echo(f"      {one_line(check.text.en)}")
    if check.action is not None:
        typer.echo(f"      → {one_line(check.action.vi)}")
        typer.echo(f"      → {one_line(check.action.en)}")
