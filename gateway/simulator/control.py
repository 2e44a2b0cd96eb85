"""The simulator's own addresses, for tests and the demo: what it has seen, and its faults. Loopback only.

GET    /_sim/ledger   every packet, item and acknowledgement, and counts; ?sha256= of one packet's bytes alone
GET    /_sim/faults   faults that are on, and how often each has struck
POST   /_sim/faults   {"fault": "html-502=once"} switches one on
DELETE /_sim/faults   switches all off
POST   /_sim/units    {"code": "H99.07", "locked": true} locks or unlocks a unit
POST   /_sim/items    ?kind=edoc&from=H97&to=H99.07 lays the body before a unit as it is, be it no packet at all
"""

import ipaddress

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.axis.port import MessageType
from gateway.axis.vxp.backend import ServerFail
from gateway.problems import Problem
from gateway.simulator.axis import SimulatedAxis
from gateway.simulator.items import Copy, Packet
from gateway.times import shown

_PREFIX = "/_sim/"
_MAX_BODY = 4096
_MAX_ITEM = 16 * 1024 * 1024


class LedgerAck(BaseModel):
    """One updateStatus on one item."""

    doc_id: str
    state: str
    time: str


class LedgerItem(BaseModel):
    """One item of a received list."""

    doc_id: str
    object_id: str
    system_id: str
    kind: str
    from_code: str | None
    to_code: str | None
    state: str


class LedgerPacket(BaseModel):
    """One packet that was taken. `sha256` and `size` are of the bytes as sent."""

    object_id: str
    system_id: str
    kind: str
    from_header: str
    from_code: str
    to_codes: list[str]
    document_id: str | None
    status_code: str | None
    sha256: str
    size: int
    time: str


class LedgerCounts(BaseModel):
    """How many of each."""

    packets: int
    items: int
    acks: int
    by_state: dict[str, int]


class Ledger(BaseModel):
    """Everything that the axis has seen, in the order in which it came."""

    packets: list[LedgerPacket]
    items: list[LedgerItem]
    acks: list[LedgerAck]
    counts: LedgerCounts


class FaultState(BaseModel):
    """One fault that is on."""

    fault: str
    struck: int


def with_control(app: ASGIApp, axis: SimulatedAxis) -> ASGIApp:
    """The application with the simulator's own addresses beside the axis's."""
    control = Starlette(
        routes=[
            Route("/_sim/ledger", _Control(axis).ledger, methods=["GET"]),
            Route("/_sim/faults", _Control(axis).faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sim/units", _Control(axis).units, methods=["POST"]),
            Route("/_sim/items", _Control(axis).items, methods=["POST"]),
        ]
    )

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_PREFIX) and _is_loopback(scope):
            await control(scope, receive, send)
            return
        await app(scope, receive, send)

    return routed


def ledger_of(axis: SimulatedAxis, sha256: str | None = None) -> Ledger:
    """Everything that the axis has seen so far, or what it has of the packet whose bytes have this hash."""
    packets = [one for one in axis.packets.values() if sha256 in (None, one.sha256)]
    wanted = {one.object_id for one in packets}
    copies = [copy for copy in axis.items.by_id.values() if copy.packet.object_id in wanted]
    items = [_ledger_item(copy) for copy in copies]
    acks = sorted(
        ((time, copy.doc_id, state) for copy in copies for time, state in copy.acks),
        key=lambda ack: ack[0],
    )
    by_state: dict[str, int] = {}
    for item in items:
        by_state[item.state] = by_state.get(item.state, 0) + 1
    return Ledger(
        packets=[_ledger_packet(packet) for packet in packets],
        items=items,
        acks=[LedgerAck(doc_id=doc_id, state=state.value, time=shown(time)) for time, doc_id, state in acks],
        counts=LedgerCounts(packets=len(packets), items=len(items), acks=len(acks), by_state=by_state),
    )


class _NewFault(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fault: str


class _UnitLock(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str
    locked: bool


class _Control:
    def __init__(self, axis: SimulatedAxis) -> None:
        self._axis = axis

    async def ledger(self, request: Request) -> Response:
        found = ledger_of(self._axis, request.query_params.get("sha256"))
        return Response(found.model_dump_json(), media_type="application/json")

    async def faults(self, request: Request) -> Response:
        faults = self._axis.faults
        if request.method == "DELETE":
            faults.clear()
        elif request.method == "POST":
            try:
                faults.add(_NewFault.model_validate_json(await _small_body(request)).fault)
            except (Problem, ValidationError) as error:
                return _refused(error)
        states = [FaultState(fault=fault.spec, struck=fault.struck).model_dump() for fault in faults.active]
        return JSONResponse({"faults": states})

    async def units(self, request: Request) -> Response:
        try:
            wanted = _UnitLock.model_validate_json(await _small_body(request))
        except ValidationError as error:
            return _refused(error)
        unit = self._axis.registry.unit(wanted.code)
        if unit is None:
            return JSONResponse({"error": "no such unit"}, status_code=404)
        unit.locked = wanted.locked
        return JSONResponse({"code": unit.code, "locked": unit.locked})

    async def items(self, request: Request) -> Response:
        said = request.query_params
        try:
            kind = MessageType(said.get("kind", "edoc"))
            content = await _small_body(request, _MAX_ITEM)
            doc_id = await self._axis.lay(kind, said.get("from", ""), said.get("to", ""), content)
        except (ValueError, ServerFail):
            return JSONResponse({"error": "no such kind or unit"}, status_code=404)
        return JSONResponse({"doc_id": doc_id})


async def _small_body(request: Request, most: int = _MAX_BODY) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            return b""
    return bytes(body)


def _refused(error: Problem | ValidationError) -> Response:
    code = error.code if isinstance(error, Problem) else "simulator.request"
    text = error.text.en if isinstance(error, Problem) else "the body is not what this address takes"
    return JSONResponse({"code": code, "error": text}, status_code=400)


def _is_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    return client is not None and ipaddress.ip_address(client[0]).is_loopback


def _ledger_item(copy: Copy) -> LedgerItem:
    return LedgerItem(
        doc_id=copy.doc_id,
        object_id=copy.packet.object_id,
        system_id=copy.system_id,
        kind=copy.packet.rewritten.kind.value,
        from_code=copy.packet.rewritten.from_code,
        to_code=copy.to_code,
        state=copy.state.value,
    )


def _ledger_packet(packet: Packet) -> LedgerPacket:
    return LedgerPacket(
        object_id=packet.object_id,
        system_id=packet.system_id,
        kind=packet.rewritten.kind.value,
        from_header=packet.from_header,
        from_code=packet.rewritten.from_code,
        to_codes=list(packet.rewritten.to_codes),
        document_id=packet.rewritten.document_id,
        status_code=packet.rewritten.status_code,
        sha256=packet.sha256,
        size=packet.size,
        time=shown(packet.received),
    )
