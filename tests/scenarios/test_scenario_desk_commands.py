"""The desk by command: `gateway desk …` does whatever the API does, and writes down which user of the system it was."""

import asyncio
import json
from pathlib import Path

import pytest
from agencies import World
from typer.testing import CliRunner
from world import OTHER, PARTNER, Json, Node, a_document, id_of, quick, until

from gateway.cli.root import app as commands

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _on_desk(of: Node, **wanted: str) -> list[Json]:
    answer = await of.get("/v1/desk", limit=200, **wanted)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


async def _dispatch_of(of: Node, document: str) -> str:
    (found,) = [one["id"] for one in await _on_desk(of, sort="dispatch") if one["document"] == document]
    return str(found)


async def _gateway(of: Node, folder: Path, *arguments: str, exit_code: int = 0) -> str:
    """What `gateway desk …` prints."""
    environment = quick(of.gateway.settings.store.database_url.get_secret_value(), folder)
    done = await asyncio.to_thread(CliRunner().invoke, commands, ["desk", *arguments], env=environment)
    assert done.exit_code == exit_code, done.output
    return str(done.stdout)


async def test_operators_send_again_several_and_to_chosen_ones_by_command(world: World, tmp_path: Path) -> None:
    why = ("--reason", "Trục đã mở khóa")
    await _locked(world, locked=True)
    documents = [a_document(to=(PARTNER,)) for _ in range(3)]
    addresses = [await world.sender.sent(one) for one in documents]
    shown = [await world.sender.until_state(one, "refused") for one in addresses]
    await _locked(world, locked=False)
    ids = [await _dispatch_of(world.sender, one["id"]) for one in shown]
    await _gateway(world.sender, tmp_path, "send-again", *ids[:2], *why, "--dry-run")
    assert {(await world.sender.document(one))["state"] for one in addresses} == {"refused"}
    told = await _gateway(world.sender, tmp_path, "send-again", "khong-co", *ids[:2], *why, exit_code=1)
    assert "desk.unknown" in told
    await _gateway(world.sender, tmp_path, "change-addressee", shown[2]["id"], PARTNER, OTHER, *why)
    for one in addresses:
        await world.sender.until_state(one, "sent")
    (claim,) = await world.receiver.claims(of=id_of(documents[2]))
    assert claim["document"]["unit_code"] == OTHER
    await _gateway(world.sender, tmp_path, "resend", shown[0]["id"], "--to", PARTNER, *why, exit_code=1)
    await _gateway(world.sender, tmp_path, "resend", shown[0]["id"], "--to", PARTNER, *why, "--force")

    async def twice() -> bool:
        return len(await world.axis.packets(id_of(documents[0]))) == 2

    await until(twice)
    history = json.loads(await _gateway(world.sender, tmp_path, "show", ids[0]))["history"]
    assert [one["action"] for one in history] == ["send_again", "resend"]


async def _locked(world: World, *, locked: bool) -> None:
    """Whether the axis refuses what is sent to the partner."""
    body = {"code": PARTNER, "locked": locked}
    (await world.axis.http.post(f"{world.axis.address}/_sim/units", json=body)).raise_for_status()


async def test_operators_read_again_and_discard_by_command(world: World, tmp_path: Path) -> None:
    item = await world.axis.lay(b"still no packet")

    async def apart() -> list[Json]:
        listed = await _gateway(
            world.receiver, tmp_path, "list", "--sort", "arrival", "--reason", "unreadable", "--json"
        )
        return [one for one in json.loads(listed) if one["id"] == id]

    async def there() -> bool:
        return any(one["axis_doc_id"] == item for one in await _on_desk(world.receiver, sort="arrival"))

    await until(there)
    (id,) = [one["id"] for one in await _on_desk(world.receiver, reason="unreadable") if one["axis_doc_id"] == item]
    assert item not in [one["axis_doc_id"] for one in await _on_desk(world.receiver, reason="stranger")]
    assert len(await apart()) == 1
    await _gateway(world.receiver, tmp_path, "read-again", id, "--reason", "Đã nâng cấp")
    await until(there)
    await _gateway(world.receiver, tmp_path, "discard", id, "--reason", "Bên gửi sẽ gửi lại")
    assert await apart() == []
    shown = json.loads(await _gateway(world.receiver, tmp_path, "show", id))
    assert [one["action"] for one in shown["history"]] == ["read_again", "discard"]
    assert [one["reason"] for one in shown["history"]] == ["Đã nâng cấp", "Bên gửi sẽ gửi lại"]
