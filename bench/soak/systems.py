"""The document systems of the agencies: they hand documents over, take them in, and report what becomes of them."""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Coroutine
from datetime import UTC, datetime

from bench.soak import corpus
from bench.soak.caller import Caller, Unwilling, code_of
from bench.soak.cast import HANDED, INBOX, Cast, Json
from bench.soak.ledger import Ledger, Posting, Receipt, SentFile

_REJECTS = 0.03
"""How often a document system cannot take just now what it claimed."""
_AT_A_TIME = 8
"""Documents fetched at a time by one agency's document system."""
_STATUS = "status.received"
_ARRIVED = "document.arrived"


class DocumentSystem:
    """One agency's document system."""

    def __init__(self, cast: Cast, caller: Caller, ledger: Ledger, seed: int) -> None:
        self.cast = cast
        self.caller = caller
        self.seqs: set[int] = set()
        """What the feed was seen to hold, where the feed is followed."""
        self.noticed: dict[str, set[int]] = {}
        """What the inbox offered beside documents, of units for which that is claimed too."""
        self._ledger = ledger
        self._seed = seed
        self._chance = random.Random(f"{seed} system {cast.name}")
        self._corpus_slots = asyncio.Semaphore(_AT_A_TIME)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ordered: dict[str, float] = {}
        self._reporting: set[str] = set()

    async def hand_over(self, posting: Posting, contents: list[bytes]) -> None:
        """POST with an Idempotency-Key until it is 202."""
        posting.files = corpus.files_of(posting, contents)
        self._ledger.posting(posting)
        body = _json_bytes(corpus.document_of(posting))
        parts = [("document", ("document.json", body, "application/json"))]
        parts += [("files", ("x", content, "application/octet-stream")) for content in contents]
        headers = {"Idempotency-Key": f"soak-{self._seed}-{posting.number}"}
        while True:
            answer = await self.caller.call("POST", "/v1/documents", files=parts, headers=headers)
            if answer.status_code != 409 or code_of(answer) != "idempotency.racing":
                break
            await asyncio.sleep(1)
        if answer.status_code != 202:
            self._ledger.fault(f"{posting.subject}: was refused: {answer.status_code} {answer.text[:500]}")
            return
        said = answer.json()
        self._ledger.accepted(posting, said["href"], said["document_id"])

    async def run(self) -> None:
        """Claim, take in, confirm, report; follow the feed. Until cancelled."""
        loops = [self._claim(unit.code) for unit in self.cast.units if unit.told_by != HANDED]
        if all(unit.told_by == INBOX for unit in self.cast.units):
            loops.append(self._follow())
        try:
            async with asyncio.TaskGroup() as tasks:
                for loop in loops:
                    tasks.create_task(loop)
        finally:
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def happened(self, event: Json) -> None:
        """An event, by feed or webhook."""
        if event["kind"] == _STATUS and event["document"]:
            data = event["data"]
            self._ledger.told(event["document"], data.get("recipient", data["from"]), data["code"])
        elif event["kind"] not in ("document.accepted", "document.sent", _ARRIVED, "status.sent", "status.reported"):
            self._ledger.count(f"event {event['kind']}")

    def order(self, event: Json) -> None:
        """A webhook's 2xx is about to be written: it takes the document over, and will now fetch it."""
        if event["document"] not in self._ordered:
            self._ordered[event["document"]] = time.time()
            self._ledger.note("ordered", None, document=event["document"], unit=event["unit_code"])
            self._later(self._fetch_ordered(event["href"], event["document"], event["unit_code"]))

    async def _fetch_ordered(self, href: str, document: str, unit: str) -> None:
        posting, receipt = await self._take(href, unit)
        if posting is None or receipt is None:
            return
        if receipt.begun is None:
            self._ledger.handing(posting, receipt)
        receipt.begun = min(receipt.begun or time.time(), self._ordered[document])
        receipt.confirmed = True
        self._report(posting, receipt, href)

    async def _claim(self, unit: str) -> None:
        """Documents of one unit; of one that is not called, what else the inbox carries too."""
        kinds = ["document"]
        if unit == self.cast.codes[-1] and self.cast.unit(unit).told_by == INBOX:
            kinds += ["sending", "status", "alarm"]
            self.noticed[unit] = set()
        while True:
            body: Json = {"limit": 10, "wait": 2, "unit": unit, "kinds": kinds}
            try:
                answer = await self.caller.call("POST", "/v1/inbox:claim", json=body, tries=20)
            except Unwilling:
                continue
            if answer.status_code != 200:
                self._ledger.fault(f"claim of {unit}: {answer.status_code} {answer.text[:300]}")
                await asyncio.sleep(1)
                continue
            async with asyncio.TaskGroup() as tasks:
                for claim in answer.json()["items"]:
                    take = self._take_claim(claim) if claim["seq"] is None else self._take_notice(unit, claim)
                    tasks.create_task(take)

    async def _take_claim(self, claim: Json) -> None:
        document, lease = claim["document"], claim["lease"]
        if self._chance.random() < _REJECTS and document["href"] not in self._reporting:
            self._ledger.count("rejected for a moment")
            reject = {"lease": lease, "reason": "Kho tệp đang bận"}
            await self.caller.post(f"/v1/inbox/{claim['id']}/reject", reject)
            return
        posting, receipt = await self._take(document["href"], claim["unit_code"])
        if posting is None or receipt is None:
            return
        self._ledger.handing(posting, receipt)
        answer = await self.caller.post(f"/v1/inbox/{claim['id']}/confirm", {"lease": lease})
        if answer.status_code == 200:
            receipt.confirmed = True
            self._report(posting, receipt, document["href"])
        elif code_of(answer) == "delivery.lease":
            self._ledger.count("lease was over")  # it is offered again
        else:
            self._ledger.fault(f"{posting.subject}: confirmation: {answer.status_code} {answer.text[:300]}")

    async def _take_notice(self, unit: str, claim: Json) -> None:
        if self._chance.random() < _REJECTS and claim["rejects"] == 0:
            reject = {"lease": claim["lease"], "reason": "Đang bận"}
            await self.caller.post(f"/v1/inbox/{claim['id']}/reject", reject)
            return
        answer = await self.caller.post(f"/v1/inbox/{claim['id']}/confirm", {"lease": claim["lease"]})
        if answer.status_code == 200:
            self.noticed[unit].add(claim["seq"])
        elif code_of(answer) != "delivery.lease":
            self._ledger.fault(f"notice {claim['seq']} of {unit}: {answer.status_code} {answer.text[:300]}")

    async def _take(self, href: str, unit: str) -> tuple[Posting | None, Receipt | None]:
        """Fetch a document with its files, and look at every byte."""
        async with self._corpus_slots:
            answer = await self.caller.get(href)
            if answer.status_code != 200:
                self._ledger.fault(f"{href} of {unit} was offered and is not there: {answer.status_code}")
                return None, None
            document = answer.json()
            posting = self._ledger.by_subject(document["subject"])
            if posting is None:
                self._ledger.fault(f"{href} came to {unit} and nobody sent it: {document['subject']!r}")
                return None, None
            known = posting.receipts.get(unit)
            if known is not None and known.arrived is not None and known.href == href:
                return posting, known
            files = [await self._file(one) for one in document["attachments"]]
        return posting, self._ledger.received(posting, unit, href, tuple(files))

    async def _file(self, attachment: Json) -> SentFile:
        answer = await self.caller.get(attachment["href"])
        if answer.status_code != 200:
            self._ledger.fault(f"{attachment['href']}: {answer.status_code} {answer.text[:300]}")
        digest = hashlib.sha256(answer.content).hexdigest()
        return SentFile(name=attachment["attachment_name"], size=len(answer.content), sha256=digest)

    def _report(self, posting: Posting, receipt: Receipt, href: str) -> None:
        if href not in self._reporting:
            self._reporting.add(href)
            self._later(self._steps(posting, receipt, href))

    async def _steps(self, posting: Posting, receipt: Receipt, href: str) -> None:
        for code in corpus.steps_of(posting, receipt.unit, self._seed):
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            step: Json = {
                "code": code,
                "description": f"Bước {code}, sổ đến số {posting.number}",
                "staff": {"department": "Văn thư", "staff": "Lê Văn Mẫu"},
                "source_time": datetime.now(UTC).isoformat(),
            }
            answer = await self.caller.post(f"{href}/statuses", step)
            if answer.status_code != 202:
                text = f"{posting.subject}: status {code} of {receipt.unit}: {answer.status_code} {answer.text[:300]}"
                self._ledger.fault(text)
                continue
            self._ledger.reported(posting, receipt, code)
        receipt.all_said = True

    async def _follow(self) -> None:
        after = 0
        while True:
            try:
                answer = await self.caller.call("GET", "/v1/events", params=_page(after, 2), tries=20)
            except Unwilling:
                continue
            body = answer.json()
            for event in body["items"]:
                if event["seq"] <= after or event["seq"] in self.seqs:
                    self._ledger.fault(f"event {event['seq']} came after {after}")
                self.seqs.add(event["seq"])
                self.happened(event)
            after = body["next"]

    async def every_event(self) -> list[Json]:
        """The whole feed, read anew."""
        found: list[Json] = []
        after = 0
        while True:
            body = (await self.caller.get("/v1/events", **_page(after, 0))).json()
            if not body["items"]:
                return found
            found += body["items"]
            after = body["next"]

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._watched(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watched(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Unwilling as error:
            self._ledger.fault(str(error))


def _page(after: int, wait: int) -> dict[str, str | int]:
    return {"after": after, "limit": 200, "wait": wait}


def _json_bytes(document: Json) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
