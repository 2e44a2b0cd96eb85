"""A simulated axis and gateways around it, in this process, talking real HTTP on loopback ports."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx2
import uvicorn

from gateway import app, settings
from gateway.api import clients
from gateway.directory import connections, units
from gateway.directory.records import NewConnection, NewUnit
from gateway.simulator.run import simulator
from gateway.simulator.serving import serving
from gateway.simulator.settings import SystemSpec

FILES = Path(__file__).resolve().parent.parent / "data" / "files"
PDF = FILES / "1520_UBND-KT.pdf"
XLSX = FILES / "phu-luc-1.xlsx"
BOUND = 20.0
SENDER, DEPARTMENT, OTHER = "H99", "H99.07", "000.00.12.H98"
SECRET = "c2VjcmV0LWZvci10ZXN0cw=="


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

    async def ledger(self) -> dict[str, list[dict[str, object]]]:
        """What the axis received, listed and was told."""
        found: dict[str, list[dict[str, object]]] = (await self.http.get(f"{self.address}/_sim/ledger")).json()
        return found


@dataclass
class Node:
    """One running gateway and the key of its document system."""

    gateway: app.Gateway
    http: httpx2.AsyncClient

    async def get(self, path: str, **params: object) -> httpx2.Response:
        """GET with the document system's key."""
        return await self.http.get(path, params={name: str(value) for name, value in params.items()})

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """POST JSON with the document system's key."""
        return await self.http.post(path, json=body, headers=headers)

    async def hand_over(
        self, document: Mapping[str, object], files: Sequence[Path] = (PDF, XLSX), **headers: str
    ) -> httpx2.Response:
        """POST /v1/documents as multipart."""
        parts = [("document", ("d.json", json.dumps(document).encode(), "application/json"))]
        parts += [("files", ("x", path.read_bytes(), "application/octet-stream")) for path in files]
        return await self.http.post("/v1/documents", files=parts, headers=headers)

    async def sent(self, document: Mapping[str, object] | None = None, files: Sequence[Path] = (PDF, XLSX)) -> str:
        """Hand a document over and see that it is taken; its address."""
        answer = await self.hand_over(document or a_document(), files)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    async def document(self, address: str) -> dict[str, object]:
        """The document as it is shown."""
        answer = await self.get(address)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    async def claims(self, count: int = 1) -> list[dict[str, object]]:
        """Claim until there are so many."""
        found: list[dict[str, object]] = []

        async def enough() -> bool:
            answer = await self.post("/v1/inbox:claim", {"limit": 50, "wait": 0})
            assert answer.status_code == 200, answer.text
            found.extend(answer.json()["items"])
            return len(found) >= count

        await until(enough)
        return found

    async def confirm(self, claim: Mapping[str, object]) -> None:
        """Say that the document system has it."""
        answer = await self.post(f"/v1/inbox/{claim['id']}/confirm", {"lease": claim["lease"]})
        assert answer.status_code == 200, answer.text

    async def events(self, kind: str | None = None) -> list[dict[str, object]]:
        """All events so far, or those of one kind."""
        items: list[dict[str, object]] = (await self.get("/v1/events", after=0, limit=200)).json()["items"]
        return [one for one in items if kind is None or one["kind"] == kind]

    async def until_event(self, kind: str, count: int = 1) -> list[dict[str, object]]:
        """Until there are so many events of this kind."""

        async def there() -> bool:
            return len(await self.events(kind)) >= count

        await until(there)
        return await self.events(kind)

    async def until_state(self, address: str, state: str) -> dict[str, object]:
        """Until the document stands so."""

        async def there() -> bool:
            return (await self.document(address))["state"] == state

        await until(there)
        return await self.document(address)

    async def until_processing(self, address: str, code: str, recipient: str) -> None:
        """Until this recipient's processing state is this code."""

        async def there() -> bool:
            return processing(await self.document(address)).get(recipient) == code

        await until(there)


def processing(document: Mapping[str, object]) -> dict[str, str | None]:
    """Processing code by recipient."""
    recipients = document["recipients"]
    assert isinstance(recipients, list)
    return {one["code"]: (one["processing_state"] or {}).get("code") for one in recipients}


def transport(document: Mapping[str, object]) -> dict[str, str]:
    """Transport state by recipient."""
    recipients = document["recipients"]
    assert isinstance(recipients, list)
    return {one["code"]: one["transport_state"] for one in recipients}


async def until(there: Callable[[], Awaitable[bool]], bound: float = BOUND) -> None:
    """Look again and again until it is so; fails after `bound` seconds."""
    async with asyncio.timeout(bound):
        while not await there():
            await asyncio.sleep(0.03)


def a_document(number: str = "1520", *, to: Sequence[str] = (DEPARTMENT, OTHER), **header: object) -> dict[str, object]:
    """A document with two files, as a document system writes it."""
    return {
        "message_header": {
            "from": {"organ_id": SENDER},
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
async def axis(folder: Path, faults: Sequence[str] = ()) -> AsyncIterator[Axis]:
    """A simulated axis with two systems: one of the sender, one of the two receiving units."""
    systems = [
        SystemSpec.parse(f"00.99.W00:{SECRET}:{SENDER}"),
        SystemSpec.parse(f"00.98.W00:{SECRET}:{DEPARTMENT},{OTHER}"),
    ]
    simulated = simulator(systems, faults, folder, app.clock, seed=7)
    with serving(simulated.app) as address:
        async with httpx2.AsyncClient(timeout=BOUND) as http:
            yield Axis(address, http)


def node_settings(database_url: str, folder: Path, **more: str) -> settings.Settings:
    """Quick ones: what waits minutes in production waits a blink here."""
    return settings.load(
        environment={
            "GATEWAY_DATABASE_URL": database_url,
            "GATEWAY_BLOB_URL": str(folder / "blobs"),
            "GATEWAY_JOBS_IDLE": "0.05",
            "GATEWAY_JOBS_LEASE": "2",
            "GATEWAY_JOBS_BEAT": "0.5",
            "GATEWAY_JOBS_GRACE": "2",
            "GATEWAY_DOCUMENTS_HELD_SECONDS": "1",
            "GATEWAY_DOCUMENTS_RETRY_FIRST_SECONDS": "0.1",
            "GATEWAY_HANDOVER_LOOK_SECONDS": "0.05",
            "GATEWAY_DISK_FREE_MB": "1",
            **more,
        }
    )


async def prepare(
    wanted: settings.Settings, axis_address: str, folder: Path, system_id: str, codes: Sequence[str], *, active: bool = True
) -> str:
    """What an operator does once: connection, units, key. The key."""
    secret = folder / "secret"
    secret.write_text(SECRET)
    store = app.open_store(wanted)
    now = app.clock()
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
                await units.add(tx, NewUnit(code=code, name=f"Đơn vị {code}", connection_id="axis"), now)
            if active:
                await connections.activate(tx, "axis", now - timedelta(days=1), now)
            return await clients.add(tx, "qlvb", frozenset(codes), now)
    finally:
        await store.close()


@asynccontextmanager
async def node(wanted: settings.Settings, key: str) -> AsyncIterator[Node]:
    """A running gateway: API on a free port, worker beside it."""
    async with app.gateway(wanted) as built:
        stop = asyncio.Event()
        server = uvicorn.Server(
            uvicorn.Config(built.api, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
        )
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # pytest keeps its own
        serving_task = asyncio.create_task(server.serve())
        working = asyncio.create_task(app.work_until(built, stop))
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=BOUND
            ) as http:
                yield Node(built, http)
        finally:
            stop.set()
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(serving_task, working)
