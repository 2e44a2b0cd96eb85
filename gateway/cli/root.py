"""All commands together."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import (
    axis_sim,
    backup,
    clients,
    connections,
    desk,
    doctor,
    evidence,
    keys,
    migrate,
    nodes,
    packet,
    partners,
    restore,
    serve,
    trust,
    units,
    webhooks,
)
from gateway.cli.console import Commands

app = typer.Typer(
    cls=Commands,
    name="gateway",
    help="Liên Thông Gateway: between a document system (QLVB&ĐH) and the national document axis.\n\n"
    "Cổng kết nối phần mềm QLVB&ĐH với trục liên thông văn bản quốc gia.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gateway {version('lienthong-gateway')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            exists=True,
            dir_okay=False,
            help="File with GATEWAY_… settings; the environment wins. / Tệp cấu hình; biến môi trường được ưu tiên.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="The version. / Phiên bản.")
    ] = False,
) -> None:
    assert not version  # its callback has ended the program
    context.obj = settings


app.command("serve", help=serve.SERVE_HELP)(serve.serve)
app.command("worker", help=serve.WORKER_HELP)(serve.worker)
app.command("migrate", help=migrate.HELP)(migrate.migrate)
app.command("axis-sim", help=axis_sim.HELP)(axis_sim.axis_sim)
app.command("doctor", help=doctor.HELP)(doctor.doctor)
app.add_typer(connections.app, name="connections")
app.add_typer(units.app, name="units")
app.add_typer(clients.app, name="clients")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(partners.app, name="partners")
app.add_typer(packet.app, name="packet")
app.add_typer(keys.app, name="keys")
app.add_typer(trust.app, name="trust")
app.add_typer(desk.app, name="desk")
app.add_typer(nodes.app, name="nodes")
app.add_typer(backup.app, name="backup")
app.add_typer(restore.app, name="restore")
app.add_typer(evidence.app, name="evidence")
