"""`gateway migrate`."""

import typer

from gateway.cli.console import say
from gateway.cli.opened import run, settings_of
from gateway.problems import Text

HELP = (
    "Make the database, or bring it to this program's version.\n\n"
    "Tạo cơ sở dữ liệu, hoặc nâng cấp theo phiên bản chương trình."
)


def migrate(context: typer.Context) -> None:
    before, after = run(_migrate(context))
    if before == after:
        say(Text(f"Cơ sở dữ liệu đã ở phiên bản {after}.", f"The database is at {after} already."))
        return
    if before is None:
        say(Text(f"Đã tạo cơ sở dữ liệu, phiên bản {after}.", f"Made the database, at {after}."))
        return
    say(Text(f"Đã nâng cấp cơ sở dữ liệu: {before} → {after}.", f"Upgraded the database: {before} → {after}."))


async def _migrate(context: typer.Context) -> tuple[str | None, str | None]:
    from gateway.store import Store, migrate

    store = Store(settings_of(context).store)
    try:
        before = await migrate.current(store)
        await migrate.upgrade(store)
        return before, await migrate.current(store)
    finally:
        await store.close()
