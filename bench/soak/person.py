"""The people: whoever sits at the desk and settles what is unknown with the truth, and the operator of connections."""

import asyncio
import hashlib
from collections import Counter

import httpx2

from bench.soak.caller import Caller, code_of
from bench.soak.cast import CONNECTION, Json
from bench.soak.ledger import Ledger
from bench.soak.processes import command
from bench.soak.world import Agency, World
from gateway.axis.vxp.wire import hash_file_as_sdk

_LOOK_SECONDS = 1.0
_REASON = "Đã hỏi bên nhận"


class Person:
    """Looks at one agency's desk until cancelled, and does what is to be done."""

    def __init__(self, world: World, agency: Agency, caller: Caller, ledger: Ledger) -> None:
        self.done: Counter[str] = Counter()
        self._world = world
        self._agency = agency
        self._caller = caller
        self._ledger = ledger

    async def sit(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_at_the_desk())
            tasks.create_task(self._look_at_the_connection())

    async def _look_at_the_desk(self) -> None:
        while True:
            for item in await self.desk():
                await self._deal_with(item)
            await asyncio.sleep(_LOOK_SECONDS)

    async def desk(self) -> list[Json]:
        """Everything on the desk now."""
        found: list[Json] = []
        cursor: dict[str, str | int] = {}
        while True:
            answer = await self._caller.get("/v1/desk", limit=100, **cursor)
            if answer.status_code != 200:
                self._ledger.fault(f"the desk of {self._agency.cast.name}: {answer.status_code} {answer.text[:300]}")
                return found
            body = answer.json()
            found += body["items"]
            if body["next"] is None:
                return found
            cursor = {"cursor": body["next"]}

    async def _deal_with(self, item: Json) -> None:
        actions = item["actions"]
        if "settle" in actions:
            await self._settle(item)
        elif item["sort"] == "dispatch" and item["message_type"] == "status" and "send_again" in actions:
            await self._again(item, "status sent again")
        elif item["sort"] == "delivery" and "send_again" in actions:
            await self._again(item, "offered again")
        elif item["sort"] == "dispatch" and "send_again" in actions:
            self._ledger.note("desk", None, item=item)
            await self._again(item, f"document sent again ({item['reason']})")
        elif item["sort"] == "arrival" and "discard" in actions:
            self._ledger.note("desk", None, item=item)
            await self._caller.post(f"/v1/desk/{item['id']}/discard", {"reason": _REASON})
            self.done[f"discarded ({item['reason']})"] += 1

    async def _settle(self, item: Json) -> None:
        """Only when asked, only when the axis is at work on it no more, and only with the truth."""
        opened = (await self._caller.get(f"/v1/desk/{item['id']}")).json()
        if opened.get("settling") is None or opened["settling"]["asked_at"] is None:
            return
        packet = await self._caller.get(f"/v1/documents/{item['document']}/packet")
        if packet.status_code != 200:
            return
        sha256 = hashlib.sha256(packet.content).hexdigest()
        sends = self._world.wire.sends.get((self._agency.cast.name, hash_file_as_sdk(sha256)), [])
        if any(one.in_flight for one in sends):
            return
        outcome = "arrived" if await self._world.packets(sha256) else "send_again"
        self._ledger.decided(item["id"], outcome, f"{item['reason']}, {len(sends)} sends seen")
        body = {"outcome": outcome, "reason": _REASON}
        answer = await self._caller.post(f"/v1/desk/{item['id']}/settle", body)
        if answer.status_code == 200:
            self.done[f"settled: {outcome}"] += 1
        elif code_of(answer) == "desk.not_possible":
            self.done["settled meanwhile"] += 1
        else:
            self._ledger.fault(f"settle {item['id']}: {answer.status_code} {answer.text[:300]}")

    async def _again(self, item: Json, what: str) -> None:
        await self._caller.post("/v1/desk:send-again", {"ids": [item["id"]], "reason": _REASON})
        self.done[what] += 1

    async def _look_at_the_connection(self) -> None:
        """A configuration error stops a connection; the operator finds it mended and lets it go on."""
        while True:
            if await self._is_stopped():
                code, said = await command(["connections", "resume", CONNECTION], self._agency.environment)
                self.done["connection resumed" if code == 0 else "connection not resumed"] += 1
                self._ledger.note("resumed", None, agency=self._agency.cast.name, code=code, said=said[-300:])
            await asyncio.sleep(_LOOK_SECONDS)

    async def _is_stopped(self) -> bool:
        """What monitoring sees: readiness says it of the check `poll:axis`."""
        for address in self._agency.addresses:
            headers = {"Authorization": f"Bearer {self._agency.key}"}
            try:
                answer = await self._world.http.get(f"{address}/health/ready", headers=headers)
            except httpx2.TransportError:
                continue
            if answer.status_code in (200, 503) and "checks" in (ready := answer.json()):
                checks = [one for one in ready["checks"] if one["name"] == f"poll:{CONNECTION}" and not one["ok"]]
                return any("connections resume" in one["action"] for one in checks)
        return False
