"""A restored gateway beside the axis: nothing leaves before the release, and what is released leaves once."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import partner
import pytest
from backup_parts import Databases, backed_up, databases_in, restored
from webhook_receiver import receiving
from world import (
    DEPARTMENT,
    OTHER,
    RECEIVING,
    SENDER,
    SENDING,
    Node,
    a_document,
    axis,
    id_of,
    node,
    node_settings,
    prepare,
    until,
)

from gateway import opening, settings
from gateway.backup.differences import compare
from gateway.directory import connections
from gateway.documents.announcing import Happening
from gateway.handover.feed import Bell, Feed
from gateway.handover.webhooks import endpoints
from gateway.handover.webhooks.model import NewEndpoint
from gateway.handover.webhooks.signing import new_secret
from gateway.installation import restored as holding
from gateway.jobs import Jobs
from gateway.problems import Problem

BOTH_WAYS = [
    pytest.param("sqlite", "postgresql", id="sqlite-to-postgresql", marks=pytest.mark.postgres),
    pytest.param("postgresql", "sqlite", id="postgresql-to-sqlite", marks=pytest.mark.postgres),
    pytest.param("sqlite", "sqlite", id="sqlite"),
]


@pytest.fixture
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    with databases_in(request, tmp_path) as made:
        yield made


async def check_of(one: Node, name: str) -> tuple[bool, str]:
    """One readiness check: (ok, action)."""
    answer: httpx2.Response = await one.get("/health/ready")
    found = next(check for check in answer.json()["checks"] if check["name"] == name)
    return found["ok"], found["action"]


async def release_all(one: Node) -> tuple[int, int]:
    """What `gateway restore release --all` does."""
    store = one.gateway.store
    found = await compare(store, one.gateway.axes.of)
    seen = [held.dispatch for held in found.held if held.seen_as]
    async with store.begin() as tx:
        announce = Feed(store, Bell(), look_seconds=1).announce
        return await holding.release_all(tx, Jobs(opening.clock), announce, seen, opening.clock())


async def went_round(one: Node) -> None:
    """Until every dispatch and arrival has been looked at by the worker since now, and was put off."""
    asked = opening.clock()

    async def looked() -> bool:
        async with one.gateway.store.read() as tx:
            oldest = await one.gateway.jobs.oldest(tx)
        return all(age.since > asked for age in oldest if age.kind in ("dispatch", "arrival"))

    await until(looked)


@pytest.mark.parametrize(("before", "after"), BOTH_WAYS)
async def test_what_left_since_the_backup_is_shown_and_not_sent_again(
    databases: Databases, tmp_path: Path, before: str, after: str
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    left, waiting, since, later = (a_document(to=[OTHER]) for _ in range(4))
    async with axis(tmp_path / "axis") as simulated:
        old = node_settings(databases.whole(before), tmp_path / "old")
        key = await prepare(old, simulated.address, tmp_path / "old", SENDING, [SENDER])
        async with node(old, key) as sender:
            await _knows(sender)
            await sender.until_state(await sender.sent(left), "sent")
            await sender.change(connections.stop, "operator")
            address = await sender.sent(waiting)
            manifest = await backed_up(old, tmp_path / "backup.tar")
            await sender.change(connections.resume)
            await sender.until_state(address, "sent")
            await sender.until_state(await sender.sent(since), "sent")
            last_event = await sender.seen()
        assert manifest.lost == 0

        new = node_settings(databases.empty(after), tmp_path / "new")
        await restored(new, tmp_path / "backup.tar")
        async with node(new, key) as sender:
            await sender.change(connections.resume)
            later_address = await sender.sent(later)
            await went_round(sender)
            held = {one.document_id: one for one in (await compare(sender.gateway.store, sender.gateway.axes.of)).held}
            assert {name: one.seen_as is not None for name, one in held.items()} == {
                id_of(waiting): True,
                id_of(later): False,
            }
            assert (held[id_of(waiting)].in_backup, held[id_of(later)].in_backup) == ("queued", None)
            found = await compare(sender.gateway.store, sender.gateway.axes.of)
            assert len({one.axis_doc_id for one in found.sent_since}) == 2
            ok, action = await check_of(sender, "restored")
            assert not ok
            assert "gateway restore release" in action
            assert len(await simulated.packets(id_of(later))) == 0
            assert [one["seq"] > last_event for one in await sender.events(Happening.ALARM_RESTORED)] == [True]

            assert await release_all(sender) == (1, 1)
            await sender.until_state(later_address, "sent")
            told = await sender.events(Happening.UNKNOWN)
            assert [one["data"]["reason"] for one in told] == ["sent_list_after_restore"]
            assert await check_of(sender, "restored") == (True, "Nothing to do.")
        for document in (left, waiting, since, later):
            assert len(await simulated.packets(id_of(document))) == 1


async def test_one_named_dispatch_leaves_while_the_rest_is_held(databases: Databases, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    urgent, other = a_document(to=[OTHER]), a_document(to=[OTHER])
    async with axis(tmp_path / "axis") as simulated:
        old = node_settings(databases.whole("sqlite"), tmp_path / "old")
        key = await prepare(old, simulated.address, tmp_path / "old", SENDING, [SENDER])
        async with node(old, key) as sender:
            await _knows(sender)
            await sender.change(connections.stop, "operator")
            address = await sender.sent(urgent)
            await sender.sent(other)
            await backed_up(old, tmp_path / "backup")
        new = node_settings(databases.empty("sqlite"), tmp_path / "new")
        await restored(new, tmp_path / "backup")
        async with node(new, key) as sender:
            await sender.change(connections.resume)
            held = {one.document_id: one for one in (await compare(sender.gateway.store, sender.gateway.axes.of)).held}
            async with sender.gateway.store.begin() as tx:
                await holding.release(tx, sender.gateway.jobs, [held[id_of(urgent)].dispatch], opening.clock())
            await sender.until_state(address, "sent")
            await went_round(sender)
            assert len(await simulated.packets(id_of(other))) == 0
            async with sender.gateway.store.begin() as tx:
                with pytest.raises(Problem, match=r"restore\.not_held"):
                    await holding.release(tx, sender.gateway.jobs, [held[id_of(urgent)].dispatch], opening.clock())


async def test_what_arrives_after_a_restore_is_acknowledged_and_told_only_after_the_release(
    databases: Databases, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    async with axis(tmp_path / "axis") as simulated, receiving() as called:
        old = node_settings(databases.whole("sqlite"), tmp_path / "old")
        key = await prepare(old, simulated.address, tmp_path / "old", RECEIVING, [DEPARTMENT])
        await _is_called(old, called.url, tmp_path / "hook")
        await backed_up(old, tmp_path / "backup.tar")
        doc_id = await simulated.lay(partner.document("77"))
        new = node_settings(databases.empty("sqlite"), tmp_path / "new")
        await restored(new, tmp_path / "backup.tar")
        async with node(new, key) as receiver:
            await receiver.poll()
            await went_round(receiver)
            assert (await simulated.acks(doc_id), called.calls) == ([], [])
            found = await compare(receiver.gateway.store, receiver.gateway.axes.of)
            assert [one.axis_doc_id for one in found.waiting] == [doc_id]
            await release_all(receiver)

            async def acknowledged() -> bool:
                return await simulated.acks(doc_id) == ["done"]

            async def told() -> bool:
                return "document.arrived" in called.kinds

            await until(acknowledged)
            await until(told)
            assert "alarm.restored_from_backup" in called.kinds
            assert len(await receiver.listed(partner.id_of("77"))) == 1


async def _is_called(wanted: settings.Settings, url: str, secret: Path) -> None:
    """The document system of this gateway has a webhook."""
    secret.write_text(new_secret())
    new = NewEndpoint(
        name="qlvb", url=url, secret_source=f"file:{secret}", units=frozenset({DEPARTMENT}), allow_plain_http=True
    )
    store = opening.open_store(wanted)
    async with store.begin() as tx:
        await endpoints.add(tx, Jobs(opening.clock), new, frozenset({"127.0.0.1"}), opening.clock())
    await store.close()


async def _knows(sender: Node) -> None:
    async def listed() -> bool:
        return (await sender.get(f"/v1/agencies/{OTHER}")).status_code == 200

    await until(listed)
