"""`gateway serve` and `gateway worker`."""

from typing import Annotated

import typer

from gateway.cli.opened import run, settings_of

SERVE_HELP = "Run the API and the worker in one process.\n\nChạy API và bộ xử lý công việc trong một tiến trình."
WORKER_HELP = "Run a worker alone.\n\nChỉ chạy bộ xử lý công việc."


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on. / Địa chỉ lắng nghe.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. / Cổng; 0 để tự chọn.")
    ] = None,
) -> None:
    from gateway import running

    run(running.serve(settings_of(context), host=host, port=port))


def worker(context: typer.Context) -> None:
    from gateway import running

    run(running.work(settings_of(context)))
