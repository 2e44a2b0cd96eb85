"""What document systems do: hand documents over, follow the feed, claim and confirm."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.line import Json, Line, Refused
from bench.stage import RECEIVER, SENDER, Agency

FILE_BYTES = 100_000
ORDINARY, URGENT = 0, 3
"""Wire priorities: thường, hỏa tốc."""
_BOUNDARY = "bench-boundary-7d81f0"
_LOOK_SECONDS = 0.1
"""Between two looks at the feed: how exactly times are known."""
_CLAIMED_AT_ONCE = 20


class TooSlow(Exception):
    """What was waited for did not come."""


class Papers:
    """Documents to hand over, each with a number and a file of its own."""

    def __init__(self, seed: int) -> None:
        self._content = random.Random(seed).randbytes(FILE_BYTES)
        self._made = 0

    def next(self, priority: int = ORDINARY) -> tuple[str, bytes]:
        """An Idempotency-Key and the body of an upload."""
        self._made += 1
        document = json.dumps(_document(self._made, priority), ensure_ascii=False).encode()
        file = self._made.to_bytes(16, "big") + self._content[16:]
        return f"bench-{self._made}", b"".join(
            [
                _part('name="document"; filename="d.json"', "application/json"),
                document,
                _part('name="files"; filename="vb.pdf"', "application/pdf", first=False),
                file,
                f"\r\n--{_BOUNDARY}--\r\n".encode(),
            ]
        )


@dataclass
class Follower:
    """Reads a gateway's feed after an event; `kinds` counts what it saw, `last` says when the newest of a kind was seen."""

    line: Line
    after: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    last: dict[str, float] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    """When each document was seen to be sent."""

    async def until(self, kind: str, count: int, seconds: float) -> float:
        """When the event was seen that made it so many of this kind (seconds since 1970). Raises TooSlow."""
        deadline = time.monotonic() + seconds
        while self.kinds[kind] < count:
            if time.monotonic() > deadline:
                raise TooSlow(f"{self.kinds[kind]} of {count} {kind} after {seconds:.0f} s; seen: {dict(self.kinds)}")
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)
        return self.last[kind]

    async def look(self) -> None:
        """Read what is new."""
        while True:
            found = (await self.line.get(f"/v1/events?after={self.after}&limit=200")).json()
            seen = time.time()
            for event in found["items"]:
                self._note(event, seen)
            self.after = found["next"]
            if len(found["items"]) < 200:
                return

    def _note(self, event: Json, seen: float) -> None:
        self.kinds[event["kind"]] += 1
        self.last[event["kind"]] = seen
        if event["kind"] == "document.sent":
            self.sent[event["document"]] = seen


async def hand_over(line: Line, papers: Papers, priority: int = ORDINARY) -> str:
    """One document; its id at the gateway. Raises Refused."""
    key, body = papers.next(priority)
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Idempotency-Key": key}
    answer = (await line.ask("POST", "/v1/documents", body, headers)).json()
    return str(answer["id"])


async def hand_over_all(agency: Agency, papers: Papers, count: int, at_once: int) -> None:
    """So many documents, so many at once."""
    left = iter(range(count))

    async def system(line: Line) -> None:
        for _ in left:
            await hand_over(line, papers)

    await _all([system(agency.line()) for _ in range(at_once)])


async def hand_over_urgent(agency: Agency, papers: Papers, every: float, stop: asyncio.Event) -> dict[str, float]:
    """An urgent document every so many seconds until `stop`; when each was begun to be handed over."""
    line, begun = agency.line(), dict[str, float]()
    due = asyncio.get_running_loop().time()
    while not stop.is_set():
        at = time.time()
        begun[await hand_over(line, papers, URGENT)] = at
        due += every
        try:
            async with asyncio.timeout_at(due):
                await stop.wait()
        except TimeoutError:
            continue
    return begun


async def claim_all(agency: Agency, count: int, at_once: int, seconds: float) -> None:
    """Claim and confirm so many documents, as they come. Raises TooSlow."""
    confirmed, deadline = 0, time.monotonic() + seconds

    async def system(line: Line) -> None:
        nonlocal confirmed
        while confirmed < count:
            if time.monotonic() > deadline:
                raise TooSlow(f"{confirmed} of {count} confirmed after {seconds:.0f} s")
            asked = {"limit": _CLAIMED_AT_ONCE, "wait": 1, "kinds": ["document"]}
            for one in (await line.post("/v1/inbox:claim", asked)).json()["items"]:
                (await line.post(f"/v1/inbox/{one['id']}/confirm", {"lease": one["lease"]})).json()
                confirmed += 1

    await _all([system(agency.line()) for _ in range(at_once)])


async def timed(call: Callable[[], Awaitable[object]], times: int = 3) -> float:
    """Seconds of the quickest call."""
    quickest = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        await call()
        quickest = min(quickest, time.perf_counter() - began)
    return quickest


async def _all(works: list[Awaitable[None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(_run(work))
    except* (Refused, TooSlow, OSError) as troubles:
        raise troubles.exceptions[0] from None


async def _run(work: Awaitable[None]) -> None:
    await work


def _part(disposition: str, content_type: str, *, first: bool = True) -> bytes:
    start = "" if first else "\r\n"
    return f"{start}--{_BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {content_type}\r\n\r\n".encode()


def _document(number: int, priority: int) -> dict[str, object]:
    return {
        "message_header": {
            "from": {"organ_id": SENDER},
            "to": [{"organ_id": RECEIVER, "organ_name": "Sở Kiểm thử"}],
            "code": {"code_number": str(number), "code_notation": "UBND-KT"},
            "promulgation_info": {"place": "Giả Định", "promulgation_date": "2025-03-05"},
            "document_type": {"type": 2, "type_name": "Công văn"},
            "subject": f"V/v đo tốc độ số {number}",
            "content": "V/v đo tốc độ",
            "signer_info": {"competence": "KT. CHỦ TỊCH", "position": "PHÓ CHỦ TỊCH", "full_name": "Nguyễn Văn Mẫu"},
            "other_info": {"priority": priority, "page_amount": 2, "promulgation_amount": 1},
        },
        "attachments": [{"attachment_name": "vb.pdf"}],
    }
