"""The walk from the inside out: settings, database, files, what is registered, and then each connection."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from gateway import opening
from gateway.directory.records import Connection, Unit
from gateway.doctor.axis import axis_checks
from gateway.doctor.checks import At, Check, Layer
from gateway.doctor.codes import code_checks
from gateway.doctor.line import Line, line_checks
from gateway.doctor.machine import (
    Registered,
    blob_checks,
    database_check,
    database_missing,
    registered,
    registered_checks,
)
from gateway.problems import Problem
from gateway.settings import Settings
from gateway.store import Store
from gateway.times import Clock


async def examine(
    load: Callable[[], Settings], *, clock: Clock, connection_id: str | None = None
) -> AsyncGenerator[Check]:
    """Every check as soon as it is made; `connection_id` restricts those of connections to one.

    A layer that refuses ends the checks of what lies behind it. Raises nothing that belongs into a check.
    """
    try:
        settings = load()
    except Problem as problem:
        for cause in problem.causes or (problem,):
            yield At(Layer.SETTINGS).problem(cause)
        return
    yield At(Layer.SETTINGS).ok("Đọc được, không có tên lạ.", "Read; no unknown name.")
    for check in await blob_checks(settings):
        yield check
    missing = database_missing(settings)
    if missing is not None:
        yield missing
        return
    try:
        store = opening.open_store(settings)
    except Problem as problem:
        yield At(Layer.DATABASE).problem(problem)
        return
    try:
        async with aclosing(_with_database(store, settings, clock, connection_id)) as checks:
            async for check in checks:
                yield check
    finally:
        await store.close()


async def _with_database(
    store: Store, settings: Settings, clock: Clock, connection_id: str | None
) -> AsyncGenerator[Check]:
    check = await database_check(store)
    yield check
    if check.refuses:
        return
    try:
        known = await registered(store, connection_id)
    except Problem as problem:
        yield At(Layer.DATABASE if connection_id is None else Layer.CONNECTION, connection_id).problem(problem)
        return
    for check in registered_checks(known):
        yield check
    for connection in known.connections:
        async with aclosing(_connection(connection, known, settings, clock)) as checks:
            async for check in checks:
                yield check


async def _connection(
    connection: Connection, known: Registered, settings: Settings, clock: Clock
) -> AsyncGenerator[Check]:
    units: tuple[Unit, ...] = tuple(unit for unit in known.units if unit.connection_id == connection.id)
    for check in code_checks(connection.id, units, clock()):
        yield check
    line = Line(connection=connection, clock=clock, skew_seconds=settings.serve.clock_skew_seconds)
    reached = True
    async with aclosing(line_checks(line)) as checks:
        async for check in checks:
            reached = reached and not check.refuses
            yield check
    if not reached:
        return
    async with aclosing(axis_checks(connection, units)) as checks:
        async for check in checks:
            yield check
