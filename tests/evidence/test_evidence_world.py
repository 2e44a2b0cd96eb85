"""Evidence of a real trip: exported by one agency's operator, checked by somebody who has nothing but the file."""

import asyncio
import json
from pathlib import Path

import pytest
from agencies import World
from typer.testing import CliRunner, Result
from world import DEPARTMENT, Node, a_document, id_of, until

from gateway.cli.root import app
from gateway.evidence import repository
from gateway.evidence.chaining import CHAIN_JOB
from gateway.evidence.gathering import gather

pytest_plugins = ["scenario_fixtures"]

SENT = {
    "document.accepted",
    "packet.sending",
    "document.sent",
    "packet.fetched",
    "status.received",
    "packet.acknowledged",
}
COME = {
    *("packet.fetched", "document.arrived", "packet.acknowledged", "document.handed_over"),
    *("status.reported", "packet.built", "packet.sending", "status.sent"),
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def command(node: Node | None, *arguments: str | Path) -> Result:
    """A command of an operator of this node, or of somebody who has none."""
    environment: dict[str, str] = {}
    if node is not None:
        store = node.gateway.settings.store
        environment = {
            "GATEWAY_DATABASE_URL": store.database_url.get_secret_value(),
            "GATEWAY_BLOB_URL": str(store.blob_folder),
        }
    result = await asyncio.to_thread(CliRunner().invoke, app, list(map(str, arguments)), env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


async def entries(node: Node, id: str) -> list[dict[str, str]]:
    """What the log says about a document, as chained."""
    async with node.gateway.store.read() as tx:
        log = (await gather(tx, id)).log
    return [json.loads(one.body) for one in log.entries]


async def logged(node: Node, id: str, kinds: set[str]) -> None:
    """Until all of this is in the chain, and nothing waits for its place."""

    async def there() -> bool:
        async with node.gateway.store.begin() as tx:
            await node.gateway.jobs.wake(tx, CHAIN_JOB, "all")
            waiting, _ = await repository.waiting(tx)
        return waiting == 0 and {one["kind"] for one in await entries(node, id)} >= kinds

    await until(there)


async def exported(node: Node, id: str, file: Path) -> dict[str, object]:
    """Export, and check with nothing but the file; what is said of it."""
    done = await command(node, "evidence", "export", id, "--out", file)
    assert done.exit_code == 0, done.stderr
    checked = await command(None, "evidence", "verify", file, "--json")
    assert checked.exit_code == 0, (checked.stdout, checked.stderr)
    said: dict[str, object] = json.loads(checked.stdout)
    return said


async def test_a_trip_and_its_status_can_be_shown_by_both_sides(world: World, tmp_path: Path) -> None:
    document = a_document(to=[DEPARTMENT])
    address = await world.sender.sent(document)
    (claim,) = await world.receiver.claims(1, of=id_of(document))
    await world.receiver.confirm(claim)
    await world.sender.until_processing(address, "01", DEPARTMENT)
    sent, come = (await world.sender.document(address))["id"], claim["document"]["id"]
    for number, (node, id, wanted) in enumerate([(world.sender, sent, SENT), (world.receiver, come, COME)]):
        await logged(node, id, wanted)
        said = await exported(node, id, tmp_path / f"{number}.zip")
        assert said["whole"]
        assert {one["code"] for one in said["remarks"]} == {"no_facts", "no_daily_head"}  # type: ignore[attr-defined]
        assert said["packets"] == 2  # the document and its status
    answer = await world.sender.get(f"{address}/evidence")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.content == (tmp_path / "0.zip").read_bytes()
    status = next(one for one in await entries(world.sender, sent) if one["kind"] == "status.received")
    said = await exported(world.sender, status["subject"], tmp_path / "status.zip")
    assert (said["whole"], said["packets"]) == (True, 1)
    assert said["subject"]["kind"] == "status"  # type: ignore[index]


async def test_what_left_is_logged_in_its_order(world: World) -> None:
    address = await world.sender.sent()
    id = (await world.sender.document(address))["id"]
    await logged(world.sender, id, {"document.sent"})
    kinds = [one["kind"] for one in await entries(world.sender, id)]
    assert kinds[:4] == ["document.accepted", "packet.built", "packet.sending", "document.sent"]


async def test_the_log_of_a_running_gateway_is_whole(world: World) -> None:
    address = await world.sender.sent()
    await logged(world.sender, (await world.sender.document(address))["id"], {"document.sent"})
    done = await command(world.sender, "evidence", "audit", "--json")
    assert done.exit_code == 0, (done.stdout, done.stderr)
    assert json.loads(done.stdout)["flaws"] == []


async def test_what_is_unknown_is_refused(world: World, tmp_path: Path) -> None:
    done = await command(world.sender, "evidence", "export", "no-such-id", "--out", tmp_path / "x.zip")
    assert (done.exit_code, (tmp_path / "x.zip").exists()) == (1, False)
    assert "evidence.unknown" in done.stderr
