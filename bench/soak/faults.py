"""What goes wrong at the axis: every fault it knows by name, drawn anew every few seconds."""

import random
from collections import Counter

import httpx2

from bench.soak.cast import AGENCIES
from gateway.simulator.fault_list import FAULTS

_ERA_SECONDS = (3.0, 7.0)
_AT_A_TIME = (2, 5)
_GARBAGE = 0.3
_MOST_GARBAGE = 20
"""Once discarded they are listed and acknowledged again at each poll for ever, as the harsher reading has it."""

DRAWN: dict[str, tuple[str, ...]] = {
    "html-502": ("html-502=15%", "html-502@sendEdoc=2times", "html-502@getReceivedEdocList=50%"),
    "http-401-json": ("http-401-json=once",),
    "empty-200": ("empty-200=8%", "empty-200@sendEdoc=2times", "empty-200@updateStatus=30%"),
    "fail-without-docid": ("fail-without-docid=3times",),
    "docid-null": ("docid-null=3times",),
    "numeric-errorcode": ("numeric-errorcode=50%",),
    "bom": ("bom=50%",),
    "null-fields": ("null-fields=50%",),
    "truncate-body": ("truncate-body=8%", "truncate-body@getEdoc=40%", "truncate-body@getReceivedEdocList=40%"),
    "slow": ("slow=1s,15%", "slow@sendEdoc=3s,2times", "slow@getReceivedEdocList=2s,30%"),
    "hang": ("hang@sendEdoc=once", "hang@getEdoc=once", "hang=2%,2times"),
    "drop-before-store": ("drop-before-store=2times", "drop-before-store=200B,4times"),
    "drop-after-store": ("drop-after-store=3times",),
    "duplicate-delivery": ("duplicate-delivery=30%", "duplicate-delivery=3copies,2times"),
    "relist-acked": ("relist-acked=2times",),
    "relist-fail": ("relist-fail",),
    "out-of-order-status": ("out-of-order-status=50%", "out-of-order-status=4lists,30%"),
    "status-for-unknown-document": ("status-for-unknown-document=2times",),
    "download-not-available": ("download-not-available=50%",),
    "header-limit-8k": ("header-limit-8k",),
    "strict-timestamp": ("strict-timestamp=1min",),
    "strict-hash-file": ("strict-hash-file=unpadded",),
    "replay-reject": ("replay-reject",),
    "no-bussiness": ("no-bussiness=30%",),
    "trace-without-organid": ("trace-without-organid=50%",),
    "dual-qd20-recipients": ("dual-qd20-recipients=50%",),
    "one-item-per-unit": ("one-item-per-unit=50%",),
    "one-item-per-system": ("one-item-per-system=50%",),
    "zip-attachment": ("zip-attachment=50%",),
    "plain-attachment": ("plain-attachment=50%",),
    "cid-prefix": ("cid-prefix=off,50%", "cid-prefix=on,50%"),
}
"""How each may strike. `strict-hash-file=padded` is left out: an axis that compares the true SHA-256 refuses the form of
today's senders for good, and a connection is set to the other form by its operator, not by a document system."""

LEFT_OUT = {
    "agencies-100k": "strikes the directory alone, which is fetched once a day, here once before anything goes wrong",
}

if missing := set(FAULTS) - set(DRAWN) - set(LEFT_OUT):
    raise AssertionError(f"faults that are neither drawn nor left out for a reason: {missing}")


class AxisFaults:
    """Switches faults on and off through the simulator's own addresses."""

    def __init__(self, address: str, http: httpx2.AsyncClient, seed: int) -> None:
        self.struck: Counter[str] = Counter()
        self._address = f"{address}/_sim/faults"
        self._items = f"{address}/_sim/items"
        self._http = http
        self._chance = random.Random(f"{seed} faults")
        self._deck: list[str] = []
        self.garbage: set[str] = set()
        """Items that were laid before units and are no packets."""

    async def era(self) -> float:
        """Other faults from now on; for how many seconds they are to stay."""
        await self.off()
        for _ in range(self._chance.randint(*_AT_A_TIME)):
            spec = self._chance.choice(DRAWN[self._name()])
            (await self._http.post(self._address, json={"fault": spec})).raise_for_status()
        if self._chance.random() < _GARBAGE and len(self.garbage) < _MOST_GARBAGE:
            await self._lay_garbage()
        return self._chance.uniform(*_ERA_SECONDS)

    async def off(self) -> None:
        """All is well, and what struck is counted."""
        states = (await self._http.get(self._address)).raise_for_status().json()["faults"]
        for one in states:
            name = str(one["fault"]).partition("@")[0].partition("=")[0]
            self.struck[name] += int(one["struck"])
        (await self._http.delete(self._address)).raise_for_status()

    async def _lay_garbage(self) -> None:
        """An item that no reader can make anything of, before a unit of chance."""
        sender, receiver = self._chance.sample(AGENCIES, 2)
        parties = {"kind": "edoc", "from": sender.codes[0], "to": self._chance.choice(receiver.codes)}
        content = b"<edXML>" + self._chance.randbytes(500)
        answer = await self._http.post(self._items, params=parties, content=content)
        self.garbage.add(str(answer.raise_for_status().json()["doc_id"]))

    def _name(self) -> str:
        """Every fault once, in an order of chance, before any comes again."""
        if not self._deck:
            self._deck = list(DRAWN)
            self._chance.shuffle(self._deck)
        return self._deck.pop()
