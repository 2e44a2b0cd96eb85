"""Where the gateways' webhooks arrive: a server that fails, dawdles and cuts, and looks at everything it gets."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from bench.soak.cast import HANDED, Cast, Json
from bench.soak.ledger import Ledger
from bench.soak.processes import free_port
from bench.soak.systems import DocumentSystem

_LONGER_THAN_A_CALL = 2.6
_FAILS = (("500", 0.10), ("503", 0.04), ("cut", 0.03), ("slow", 0.06), ("too slow", 0.02))
"""What is done instead of an answer at once, and how often. 410 is not among them: it says "never call again", after
which an operator has to resume, and nothing would be proved by it."""


@dataclass
class Told:
    """What one endpoint was told and said 2xx to."""

    seqs: set[int] = field(default_factory=set)
    last_of: dict[str, int] = field(default_factory=dict)


class Hooks:
    """The receiver of all endpoints. `failing` switches the harm on and off."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.failing = False
        self.harm: Counter[str] = Counter()
        self.told: dict[str, Told] = {}
        self._ledger = ledger
        self._chance = random.Random(f"{seed} hooks")
        self._port = free_port()
        self._secret_of: Callable[[str], str] | None = None
        self._systems: dict[str, DocumentSystem] = {}
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    def address(self, unit: str) -> str:
        """Where a unit's document system is called."""
        return f"http://127.0.0.1:{self._port}/hook/{unit}"

    async def listen(self, systems: list[DocumentSystem], secret_of: Callable[[str], str]) -> None:
        """Begin to answer."""
        self._systems = {code: system for system in systems for code in system.cast.codes}
        self._secret_of = secret_of

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._lines.add(task)
                task.add_done_callback(self._lines.discard)
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer_one(reader, writer):
                    pass
            writer.close()

        self._server = await asyncio.start_server(serve, "127.0.0.1", self._port)

    async def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._lines):
            task.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        unit = first.split(" ")[1].rpartition("/")[2]
        how = self._how()
        if how:
            self.harm[f"webhook {how}"] += 1
        match how:
            case "500":
                writer.write(_answer(500))
            case "503":
                writer.write(_answer(503, "Retry-After: 1\r\n"))
            case "cut":
                writer.transport.abort()
                return False
            case "slow":
                await asyncio.sleep(self._chance.uniform(0.3, 1.5))
                self._take(unit, headers, body)
                writer.write(_answer(204))
            case "too slow":
                await asyncio.sleep(_LONGER_THAN_A_CALL)
                self._take(unit, headers, body)
                writer.write(_answer(204))
            case _:
                self._take(unit, headers, body)
                writer.write(_answer(204))
        await writer.drain()
        return True

    def _how(self) -> str:
        drawn = self._chance.random()
        if not self.failing:
            return ""
        for word, odds in _FAILS:
            if drawn < odds:
                return word
            drawn -= odds
        return ""

    def _take(self, unit: str, headers: dict[str, str], body: bytes) -> None:
        """What a careful document system does before it writes 2xx."""
        secret = self._secret_of(unit) if self._secret_of else ""
        if not _verified(secret, headers, body):
            self._ledger.fault(f"a webhook call to {unit} bears no signature of ours")
            return
        event: Json = json.loads(body)["data"]
        told = self.told.setdefault(unit, Told())
        seq, chain = int(event["seq"]), event["document"] or ""
        if seq not in told.seqs and chain and seq < told.last_of.get(chain, 0):
            self._ledger.fault(f"{unit} was told of event {seq} of {chain} after {told.last_of[chain]}")
        again = seq in told.seqs
        told.seqs.add(seq)
        told.last_of[chain] = max(seq, told.last_of.get(chain, 0))
        system = self._systems[unit]
        if again:
            self._ledger.count("told twice by webhook")
        else:
            system.happened(event)
        if event["kind"] == "document.arrived" and _is_handed(system.cast, unit):
            system.order(event)


def _is_handed(cast: Cast, unit: str) -> bool:
    return cast.unit(unit).told_by == HANDED


def _answer(status: int, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{more}\r\n".encode()


def _verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """By Standard Webhooks 1.0.0, written here anew."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamped = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, stamped, hashlib.sha256).digest()).decode()
    return wanted in headers.get("webhook-signature", "").split(" ")
