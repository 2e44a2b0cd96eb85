"""An axis that fails is left alone; a configuration error stops what it concerns, until something has changed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from world import (
    PARTNER,
    SECRET,
    SENDER,
    SENDING,
    Axis,
    Json,
    Node,
    a_document,
    axis,
    id_of,
    node,
    node_settings,
    prepare,
    until,
)

from gateway import axes, opening
from gateway.api.meters import Meters
from gateway.axis.port import Registration
from gateway.axis.settings import VxpSettings
from gateway.axis.vxp.client import VxpClient
from gateway.directory import connections
from gateway.directory import repository as directory
from gateway.directory.records import Changes
from gateway.documents.stops import give_a_chance
from gateway.jobs.breakers import repository as breakers

pytest_plugins = ["scenario_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("quiet")]

UNREGISTERED = "H99.09"
"""One of our units; the axis does not know it as a sender at first."""
Sender = Callable[..., AbstractAsyncContextManager[tuple[Axis, Node]]]


@pytest.fixture
def sender(databases: Callable[[str], str], tmp_path: Path) -> Sender:
    """A sending gateway with one place at an axis of its own; what hangs there is given up after seconds."""

    @asynccontextmanager
    async def made(*, units: Sequence[str] = (SENDER,), **more: str) -> AsyncIterator[tuple[Axis, Node]]:
        async with axis(tmp_path / "axis") as simulated:
            wanted = node_settings(databases(tmp_path.name), tmp_path, **more)
            key = await prepare(wanted, simulated.address, tmp_path, SENDING, units)
            store = opening.open_store(wanted)
            async with store.begin() as tx:
                await directory.update_connection(tx, "axis", {"options": {"transfer_seconds": 2}})
                await connections.change(tx, "axis", Changes(max_connections=1), opening.clock())
            await store.close()
            async with node(wanted, key) as working:

                async def listed() -> bool:
                    return (await working.get(f"/v1/agencies/{PARTNER}")).status_code == 200

                await until(listed)
                yield simulated, working

    return made


async def line(of: Node) -> Json:
    """The readiness check of its line."""
    checks: list[Json] = (await of.get("/health/ready")).json()["checks"]
    return next(one for one in checks if one["name"] == "line:axis")


async def states(of: Node, addresses: Sequence[str]) -> list[str]:
    """The states of documents."""
    return [(await of.document(address))["state"] for address in addresses]


async def opened(of: Node) -> int:
    """How often in a row the breaker of its way out has opened."""
    async with of.gateway.store.read() as tx:
        found = await breakers.every(tx)
    return found["out:axis"].opened if "out:axis" in found else 0


_AT_ONCE = 4
"""Places of the line."""


async def test_an_axis_that_fails_is_left_alone_then_tried_by_one_and_what_waits_leaves_in_order(
    sender: Sender,
) -> None:
    async with sender(GATEWAY_DOCUMENTS_BREAKER_FIRST_SECONDS="1") as (simulated, working):
        await simulated.fault("html-502@sendEdoc")
        documents = [a_document(to=(PARTNER,)) for _ in range(9)]
        addresses = [await working.sent(one) for one in documents]
        seen: list[str] = []

        async def probed_twice() -> bool:
            """Seen at a moment at which nothing was under way: each opening after the first has cost one document."""
            nonlocal seen
            before, seen = await opened(working), await states(working, addresses)
            settled = "sending" not in seen and before == await opened(working)
            if settled and before:
                assert seen == ["unknown"] * (2 + before) + ["waiting"] * (len(seen) - 2 - before)
                check = await line(working)
                assert (check["ok"], "http_502" in check["reason"]) == (False, True)
            return settled and before >= 3

        await until(probed_twice)
        assert 'gateway_breakers_open{connection="axis",way="out"} 1.0' in (await working.get("/metrics")).text
        await simulated.healthy()
        for address in addresses[-2:]:
            await working.until_state(address, "sent")
        lost = (await states(working, addresses)).count("unknown")
        assert lost < len(documents) - 1
        taken = [one["document_id"] for one in (await simulated.ledger())["packets"]]
        waited = [id_of(one) for one in documents[lost:]]
        assert sorted(taken) == sorted(waited)
        # the probe is alone; of those that follow several are under way at once, and may change places on the line
        assert taken[0] == waited[0]
        assert all(abs(waited.index(one) - at) < _AT_ONCE for at, one in enumerate(taken))
        assert (await line(working))["ok"]


async def test_what_waits_for_a_place_when_it_opens_does_not_leave(sender: Sender) -> None:
    """Of four places two carry ordinary packets: three failures open it, a fourth may be under way by then."""
    async with sender(GATEWAY_DOCUMENTS_BREAKER_FIRST_SECONDS="300") as (simulated, working):
        await working.change(connections.stop, "operator")
        addresses = [await working.sent(a_document(to=(PARTNER,))) for _ in range(10)]
        await simulated.fault("html-502@sendEdoc")
        async with working.gateway.store.begin() as tx:
            await connections.change(tx, "axis", Changes(max_connections=4), opening.clock())
            await connections.resume(tx, "axis", opening.clock())

        async def open_() -> bool:
            found = await states(working, addresses)
            return not (await line(working))["ok"] and "sending" not in found

        await until(open_)
        await working.poll()
        found = await states(working, addresses)
        assert 3 <= found.count("unknown") <= 4
        assert found.count("waiting") == 10 - found.count("unknown")


async def test_a_wrong_secret_stops_all_and_a_right_one_in_its_file_lets_it_go_on_by_itself(
    sender: Sender, tmp_path: Path
) -> None:
    async with sender() as (simulated, working):
        await working.poll()
        (tmp_path / "secret").write_text("c2FpLWtob2E=")
        await working.change(connections.resume)  # the secret is read anew
        await working.until_event("alarm.connection_stopped")
        before = await simulated.ledger()
        documents = [a_document(to=(PARTNER,)) for _ in range(3)]
        addresses = [await working.sent(one) for one in documents]
        assert await states(working, addresses) == ["waiting"] * 3
        (tmp_path / "secret").write_text(SECRET)
        for address in addresses:
            await working.until_state(address, "sent")
        (resumed,) = await working.until_event("alarm.connection_resumed")
        assert resumed["data"] == {"connection": "axis", "reason": "secret_changed"}
        assert len(await working.events("alarm.connection_stopped")) == 1
        assert (await working.connection()).stopped_reason is None
        assert before["packets"] == []


async def test_a_changed_connection_goes_on_by_itself_unless_a_person_stopped_it(sender: Sender) -> None:
    async with sender() as (_, working):
        for reason, left in (("axis_15", None), ("operator", "operator")):
            await working.change(connections.stop, reason)
            async with working.gateway.store.begin() as tx:
                changed = await connections.change(tx, "axis", Changes(poll_seconds=3), opening.clock())
            assert (changed.stopped_reason, changed.poll_seconds) == (left, 3)


async def test_a_sender_that_the_axis_does_not_know_holds_up_itself_alone_until_it_is_registered(
    sender: Sender,
) -> None:
    async with sender(units=(SENDER, UNREGISTERED)) as (simulated, working):
        held = a_document(to=(PARTNER,), sender=UNREGISTERED)
        addresses = [await working.sent(held)]
        (alarm,) = await working.until_event("alarm.sender_not_registered")
        assert alarm["data"] == {"connection": "axis", "from": UNREGISTERED, "reason": "axis_19"}
        addresses.append(await working.sent(a_document(to=(PARTNER,), sender=UNREGISTERED)))
        good = await working.sent(a_document(to=(PARTNER,)))
        await working.until_state(good, "sent")
        assert await states(working, addresses) == ["waiting", "waiting"]
        assert (await working.connection()).stopped_reason is None
        check = await line(working)
        assert (check["ok"], UNREGISTERED in check["reason"]) == (False, True)
        settings = VxpSettings(endpoint=f"{simulated.address}/XrdAdapter/adapter", allow_plain_http=True)
        client = VxpClient(settings, system_id=SENDING, secret=SECRET, clock=opening.clock)
        await client.register(Registration(parent_code=SENDER, code=UNREGISTERED, name="Phòng Mẫu"))
        await client.close()
        for address in addresses:
            await working.until_state(address, "sent")
        assert len(await working.events("alarm.sender_not_registered")) == 1
        assert (await working.until_event("alarm.connection_resumed"))[0]["data"]["from"] == UNREGISTERED
        assert (await line(working))["ok"]


async def test_a_person_has_everything_tried_at_once(sender: Sender) -> None:
    async with sender(GATEWAY_DOCUMENTS_BREAKER_FIRST_SECONDS="300") as (simulated, working):
        await simulated.fault("html-502@sendEdoc=3times")
        addresses = [await working.sent(a_document(to=(PARTNER,))) for _ in range(4)]
        for address in addresses[:3]:
            await working.until_state(address, "unknown")
        assert (await working.document(addresses[3]))["state"] == "waiting"
        async with working.gateway.store.begin() as tx:
            await give_a_chance(tx, "axis", opening.clock())
        await working.until_state(addresses[3], "sent")


async def test_people_are_told_of_what_does_not_leave_once_with_its_reason_and_apart_for_urgent_ones(
    sender: Sender,
) -> None:
    late = {"GATEWAY_DOCUMENTS_LATE_MINUTES": "0.02", "GATEWAY_DOCUMENTS_LATE_URGENT_MINUTES": "0.01"}
    async with sender(**late) as (_, working):
        await working.change(connections.stop, "operator")
        await working.sent(a_document(to=(PARTNER,)))
        address = await working.sent(a_document(to=(PARTNER,), other_info={"priority": 3}))
        alarms = await working.until_event("alarm.documents_do_not_leave", 2)
        assert {one["data"]["urgent"]: one["data"]["reason"] for one in alarms} == dict.fromkeys(
            ("true", "false"), "operator"
        )
        await working.change(connections.resume)
        await working.until_state(address, "sent")
        assert len(await working.events("alarm.documents_do_not_leave")) == 2


async def test_when_a_secret_counts_as_changed(sender: Sender, tmp_path: Path) -> None:
    """Whoever used another one before; and who starts after the connection was stopped, once."""
    async with sender() as (_, working):
        connection = await working.connection()
        file = tmp_path / "secret"
        fresh = axes.Axes(Meters(), opening.clock)
        assert [await fresh.secret_changed(connection) for _ in range(2)] == [True, False]
        file.write_text("another")
        assert [await fresh.secret_changed(connection) for _ in range(2)] == [True, False]
        file.unlink()
        assert not await fresh.secret_changed(connection)
        file.write_text(SECRET)
        assert await fresh.secret_changed(connection)
        user = axes.Axes(Meters(), opening.clock)
        await user.of(connection)
        assert not await user.secret_changed(connection)
        await working.change(connections.stop, "axis_15")
        running_before = axes.Axes(Meters(), opening.clock)
        running_before._since = opening.clock() - timedelta(hours=1)
        assert not await running_before.secret_changed(await working.connection())
        await asyncio.gather(fresh.close(), user.close(), running_before.close())
