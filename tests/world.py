"""A simulated axis and gateways around it, in this process, talking real HTTP on loopback ports."""

import asyncio
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
import uvicorn
from bell import rings, with_bell
from sqlalchemy import or_, select

from gateway import app, opening, running, settings
from gateway.api import clients
from gateway.axis.port import MessageType, SendResult
from gateway.axis.settings import VxpSettings
from gateway.axis.vxp.client import VxpClient
from gateway.directory import connections, units
from gateway.directory.records import Connection, NewConnection, NewUnit
from gateway.jobs.model import JobState
from gateway.jobs.repository import job
from gateway.simulator.run import simulator
from gateway.simulator.serving import serving
from gateway.simulator.settings import SystemSpec

FILES = Path(__file__).resolve().parent / "data" / "files"
PDF = FILES / "1520_UBND-KT.pdf"
XLSX = FILES / "phu-luc-1.xlsx"
BOUND = 60.0
"""Seconds; the machine may be shared."""
SENDER, DEPARTMENT, OTHER = "H99", "H99.07", "000.00.12.H98"
TWO_FORMS, OLD_FORM = "H98.01", "000.00.01.H98"
PARTNER = "H97"
"""A body whose packets are made by hand."""
SECRET = "c2VjcmV0LWZvci10ZXN0cw=="
SENDING, RECEIVING, PARTNERS = "00.99.W00", "00.98.W00", "00.97.W00"
Json = dict[str, Any]  # Any: what an answer holds is what the test is about
_numbers = itertools.count(1)


@dataclass
class Axis:
    """A simulated axis at an address."""

    address: str
    http: httpx2.AsyncClient = field(repr=False)

    async def fault(self, spec: str) -> None:
        """From now on this goes wrong."""
        (await self.http.post(f"{self.address}/_sim/faults", json={"fault": spec})).raise_for_status()

    async def healthy(self) -> None:
        """No faults any more."""
        (await self.http.delete(f"{self.address}/_sim/faults")).raise_for_status()

    async def ledger(self) -> dict[str, list[Json]]:
        """What the axis received, listed and was told."""
        found: dict[str, list[Json]] = (await self.http.get(f"{self.address}/_sim/ledger")).json()
        return found

    async def packets(self, document_id: str, kind: str = "edoc") -> list[Json]:
        """Packets of a document that the axis took."""
        found = (await self.ledger())["packets"]
        return [one for one in found if one["kind"] == kind and document_id in (one["document_id"], None)]

    async def statuses(self, document_id: str, by: str | None = None) -> list[str]:
        """Status codes about a document, in the order in which the axis took them."""
        found = await self.packets(document_id, "status")
        return [one["status_code"] for one in found if by in (None, one["from_code"])]

    async def acks(self, doc_id: str) -> list[str]:
        """What the axis was told of an item."""
        return [one["state"] for one in (await self.ledger())["acks"] if one["doc_id"] == doc_id]

    async def items_of(self, document_id: str) -> list[str]:
        """The axis's ids of the copies of a document."""
        objects = {one["object_id"] for one in await self.packets(document_id)}
        return [one["doc_id"] for one in (await self.ledger())["items"] if one["object_id"] in objects]

    async def lay(self, content: bytes, *, to: str = DEPARTMENT, from_: str = PARTNER, kind: str = "edoc") -> str:
        """Put bytes before a unit as they are; the item's id."""
        query = {"kind": kind, "from": from_, "to": to}
        answer = (await self.http.post(f"{self.address}/_sim/items", params=query, content=content)).raise_for_status()
        found: str = answer.json()["doc_id"]
        return found

    async def send(self, packet: bytes, kind: MessageType = MessageType.EDOC, from_code: str = PARTNER) -> SendResult:
        """Send a packet made by hand, as the partner's system."""
        settings = VxpSettings(endpoint=f"{self.address}/XrdAdapter/adapter", allow_plain_http=True)
        client = VxpClient(settings, system_id=PARTNERS, secret=SECRET, clock=opening.clock)
        try:
            return await client.send(kind, from_code, Bytes(packet))
        finally:
            await client.close()


@dataclass(frozen=True)
class Bytes:
    """A packet in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    @property
    def sha256(self) -> str:
        """Hex."""
        return hashlib.sha256(self.data).hexdigest()

    def open(self) -> BinaryIO:
        """From the beginning."""
        return BytesIO(self.data)


@dataclass
class Node:
    """One running gateway and the key of its document system."""

    gateway: app.Gateway
    http: httpx2.AsyncClient

    @property
    def key(self) -> str:
        """The key of its document system."""
        return self.http.headers["authorization"].removeprefix("Bearer ")

    async def connection(self) -> Connection:
        """Its connection as it stands."""
        async with self.gateway.store.read() as tx:
            return await connections.get(tx, "axis")

    async def change(self, change: Callable[..., Awaitable[Connection]], *more: datetime | str) -> None:
        """What an operator does to the connection: activate, observe, stop, resume."""
        async with self.gateway.store.begin() as tx:
            await change(tx, "axis", *more, opening.clock())

    async def poll(self) -> None:
        """Ask the axis now, and wait until that was done."""
        asked = opening.clock()
        async with self.gateway.store.begin() as tx:
            await self.gateway.jobs.wake(tx, "poll", "axis")

        async def polled() -> bool:
            last = (await self.connection()).last_poll_at
            return last is not None and bool(last > asked)

        await until(polled)

    async def until_quiet(self) -> None:
        """Until no document and no status is on its way, but those that wait for their next attempt."""

        async def quiet() -> bool:
            due = (job.c.state == JobState.WAITING) & (job.c.run_at <= opening.clock() + timedelta(seconds=1))
            on_its_way = job.c.kind.in_(("dispatch", "arrival")) & or_(job.c.state == JobState.RUNNING, due)
            async with self.gateway.store.read() as tx:
                return (await tx.execute(select(job.c.id).where(on_its_way).limit(1))).first() is None

        await until(quiet)

    async def get(self, path: str, **params: object) -> httpx2.Response:
        """GET with the document system's key."""
        return await self.http.get(path, params={name: str(value) for name, value in params.items()})

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """POST JSON with the document system's key."""
        return await self.http.post(path, json=body, headers=headers)

    async def hand_over(
        self, document: Mapping[str, object], files: Sequence[Path] = (PDF, XLSX), *, headers: Mapping[str, str] = {}
    ) -> httpx2.Response:
        """POST /v1/documents as multipart."""
        parts = [("document", ("d.json", json.dumps(document).encode(), "application/json"))]
        parts += [("files", ("x", path.read_bytes(), "application/octet-stream")) for path in files]
        return await self.http.post("/v1/documents", files=parts, headers=dict(headers))

    async def sent(
        self,
        document: Mapping[str, object] | None = None,
        files: Sequence[Path] = (PDF, XLSX),
        *,
        headers: Mapping[str, str] = {},
    ) -> str:
        """Hand a document over and see that it is taken; its address."""
        answer = await self.hand_over(document or a_document(), files, headers=headers)
        assert answer.status_code == 202, answer.text
        address: str = answer.headers["Location"]
        return address

    async def document(self, address: str) -> Json:
        """The document as it is shown."""
        answer = await self.get(address)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def listed(self, document_id: str, direction: str = "in") -> list[Json]:
        """Documents under a DocumentId."""
        found: list[Json] = (await self.get("/v1/documents", direction=direction, document_id=document_id)).json()[
            "items"
        ]
        return found

    async def claims(self, count: int = 1, *, of: str | None = None) -> list[Json]:
        """Claim until there are so many, those of other tests left out."""
        found: list[Json] = []

        async def enough() -> bool:
            answer = await self.post("/v1/inbox:claim", {"limit": 50, "wait": 0, "kinds": ["document"]})
            assert answer.status_code == 200, answer.text
            found.extend(one for one in answer.json()["items"] if of in (None, one["document"]["document_id"]))
            return len(found) >= count

        await until(enough)
        return found

    async def confirm(self, claim: Mapping[str, object]) -> None:
        """Say that the document system has it."""
        answer = await self.post(f"/v1/inbox/{claim['id']}/confirm", {"lease": claim["lease"]})
        assert answer.status_code == 200, answer.text

    async def seen(self) -> int:
        """The number of the last event."""
        return max((one["seq"] for one in await self.events()), default=0)

    async def events(self, kind: str | None = None, *, after: int = 0, document: str | None = None) -> list[Json]:
        """All events, or those of one kind or one document, oldest first."""
        found: list[Json] = []
        while items := (await self.get("/v1/events", after=after, limit=200)).json()["items"]:
            found += items
            after = items[-1]["seq"]
        return [one for one in found if kind in (None, one["kind"]) and document in (None, one["document"])]

    async def until_event(self, kind: str, count: int = 1, *, after: int = 0) -> list[Json]:
        """Until there are so many events of this kind."""

        async def there() -> bool:
            return len(await self.events(kind, after=after)) >= count

        await until(there)
        return await self.events(kind, after=after)

    async def until_state(self, address: str, state: str) -> Json:
        """Until the document stands so."""

        async def there() -> bool:
            return bool((await self.document(address))["state"] == state)

        await until(there)
        return await self.document(address)

    async def until_processing(self, address: str, code: str, recipient: str) -> None:
        """Until this recipient's processing state is this code."""

        async def there() -> bool:
            return processing(await self.document(address)).get(recipient) == code

        await until(there)


def processing(document: Json) -> dict[str, str | None]:
    """Processing code by recipient."""
    return {one["code"]: (one["processing_state"] or {}).get("code") for one in document["recipients"]}


def transport(document: Json) -> dict[str, str]:
    """Transport state by recipient."""
    return {one["code"]: one["transport_state"] for one in document["recipients"]}


async def until(there: Callable[[], Awaitable[bool]], bound: float = BOUND) -> None:
    """Look again and again until it is so; fails after `bound` seconds."""
    async with asyncio.timeout(bound):
        while not await there():
            await asyncio.sleep(0.05)


def a_number() -> str:
    """A number that no other document of this run has."""
    return str(next(_numbers))


def id_of(document: Mapping[str, Any]) -> str:
    """The DocumentId that is composed for a document."""
    header = document["message_header"]
    return f"{SENDER},2026/11/20,{header['code']['code_number']}/UBND-KT"


def a_document(
    number: str | None = None, *, to: Sequence[str] = (DEPARTMENT, OTHER), sender: str = SENDER, **header: object
) -> Json:
    """A document with two files, as a document system writes it."""
    number = number or a_number()
    return {
        "message_header": {
            "from": {"organ_id": sender},
            "to": [{"organ_id": code} for code in to],
            "code": {"code_number": number, "code_notation": "UBND-KT"},
            "promulgation_info": {"place": "Giả Định", "promulgation_date": "2026-11-20"},
            "document_type": {"type": 2, "type_name": "Công văn"},
            "subject": "V/v thử nghiệm liên thông & <kiểm tra>",
            "signer_info": {"position": "PHÓ CHỦ TỊCH", "full_name": "Nguyễn Văn Mẫu"},
            **header,
        },
        "attachments": [
            {"attachment_name": PDF.name, "description": "Văn bản chính"},
            {"attachment_name": XLSX.name, "description": "Phụ lục I"},
        ],
    }


@asynccontextmanager
async def axis(folder: Path, faults: Sequence[str] = (), readings: Sequence[str] = ()) -> AsyncIterator[Axis]:
    """A simulated axis with three systems: the sender's, the receiving units', and a partner's."""
    systems = [
        SystemSpec.parse(f"{SENDING}:{SECRET}:{SENDER}"),
        SystemSpec.parse(f"{RECEIVING}:{SECRET}:{DEPARTMENT},{OTHER},{TWO_FORMS}/{OLD_FORM},H98.02"),
        SystemSpec.parse(f"{PARTNERS}:{SECRET}:{PARTNER}"),
    ]
    simulated = simulator(systems, faults, folder, opening.clock, seed=7, readings=readings)
    with serving(with_bell(simulated.app)) as address:
        async with httpx2.AsyncClient(timeout=BOUND) as http:
            yield Axis(address, http)


def quick(database_url: str, folder: Path, **more: str) -> dict[str, str]:
    """Variables of a gateway for which what waits minutes in production waits a blink."""
    return {
        "GATEWAY_DATABASE_URL": database_url,
        "GATEWAY_BLOB_URL": str(folder / "blobs"),
        "GATEWAY_JOBS_IDLE": "0.1",
        "GATEWAY_JOBS_LEASE": "2",
        "GATEWAY_JOBS_BEAT": "0.5",
        "GATEWAY_JOBS_GRACE": "2",
        "GATEWAY_DOCUMENTS_HELD_SECONDS": "1",
        "GATEWAY_DOCUMENTS_RETRY_FIRST_SECONDS": "0.1",
        "GATEWAY_DOCUMENTS_BREAKER_FIRST_SECONDS": "0.5",
        "GATEWAY_HANDOVER_LOOK_SECONDS": "0.1",
        "GATEWAY_HANDOVER_REJECT_PAUSE_SECONDS": "0",
        "GATEWAY_HANDOVER_REJECTS_BEFORE_SET_APART": "2",
        "GATEWAY_HANDOVER_WEBHOOK_HOSTS": "127.0.0.1",
        "GATEWAY_HANDOVER_WEBHOOK_RETRY_SECONDS": "0.2,0.5,1,2,5",
        "GATEWAY_DISK_FREE_MB": "1",
        **more,
    }


def node_settings(database_url: str, folder: Path, **more: str) -> settings.Settings:
    """Quick ones."""
    return settings.load(environment=quick(database_url, folder, **more))


async def prepare(
    wanted: settings.Settings,
    axis_address: str,
    folder: Path,
    system_id: str,
    codes: Sequence[str],
    *,
    active: bool = True,
) -> str:
    """What an operator does once: connection, units, key. The key."""
    secret = folder / "secret"
    secret.write_text(SECRET)
    store = opening.open_store(wanted)
    now = opening.clock()
    try:
        async with store.begin() as tx:
            await connections.add(
                tx,
                NewConnection(
                    id="axis",
                    endpoint=f"{axis_address}/XrdAdapter/adapter",
                    system_id=system_id,
                    secret_source=f"file:{secret}",
                    allow_plain_http=True,
                    poll_seconds=1,
                ),
                now,
            )
            for code in codes:
                aliases = (OLD_FORM,) if code == TWO_FORMS else ()
                name = f"Đơn vị {code}"
                await units.add(tx, NewUnit(code=code, name=name, connection_id="axis", aliases=aliases), now)
            if active:
                await connections.activate(tx, "axis", now - timedelta(days=1), now)
            return await clients.add(tx, "qlvb", frozenset(codes), now)
    finally:
        await store.close()


@asynccontextmanager
async def node(wanted: settings.Settings, key: str, *, working: bool = True) -> AsyncIterator[Node]:
    """A running gateway: API on a free port, worker beside it unless `working` is False."""
    async with app.gateway(wanted) as built:
        server = _Server(
            uvicorn.Config(
                built.api,
                host="127.0.0.1",
                port=0,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_keep_alive=running.IDLE_SECONDS,
            )
        )
        serving_task = asyncio.create_task(server.serve())
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            headers = {"Authorization": f"Bearer {key}"}
            address = f"http://127.0.0.1:{port}"
            async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=BOUND, trust_env=False) as http:
                made = Node(built, http)
                if not working:
                    yield made
                    return
                async with worker(made):
                    yield made
        finally:
            server.should_exit = True
            await serving_task


@asynccontextmanager
async def worker(of: Node) -> AsyncIterator[None]:
    """Its worker. The axis is asked whenever something happened there: tests wait for polls."""
    stop = asyncio.Event()
    working = asyncio.create_task(running.work_until(of.gateway, stop))
    hurrying = asyncio.create_task(_hurry(of.gateway))
    try:
        yield
    finally:
        hurrying.cancel()
        await asyncio.gather(hurrying, return_exceptions=True)
        stop.set()
        await working


async def _hurry(built: app.Gateway) -> None:
    async with aclosing(rings()) as ringing:
        async for _ in ringing:
            async with built.store.begin() as tx:
                await built.jobs.wake(tx, "poll", "axis")


class _Server(uvicorn.Server):
    """Leaves signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
