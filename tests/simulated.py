"""A simulated axis with three systems, and packets to put through it."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
from axis_requests import NOW, Caller

from gateway.axis.settings import VxpSettings
from gateway.axis.vxp.client import VxpClient
from gateway.axis.vxp.wire import Operation
from gateway.edxml.model import (
    Bussiness,
    Code,
    DocumentPacket,
    MessageHeader,
    Organ,
    ResponseFor,
    StatusHeader,
    StatusPacket,
    TraceHeader,
    TraceHeaderList,
)
from gateway.edxml.writer import FileToSend, write_document, write_status
from gateway.simulator.run import Simulator, simulator
from gateway.simulator.serving import serving
from gateway.simulator.settings import SystemSpec
from gateway.times import Clock

KINDER = ("kinder", "unknown-ack=fail", "after-processing=again", "same-packet=twice")
"""For callers that sign every request with one time and look at order and dates; the rest has its own tests."""
SYSTEMS = ("00.99.H99:first:H99,H99.07", "00.98.H98:second:H98.01/000.00.12.H98", "00.97.H97:third:H97")
DOCUMENT_ID = "H99,2026/11/22,1520/UBND-KT"


@dataclass
class Running:
    """A simulated axis that is being served."""

    endpoint: str
    http: httpx2.Client
    parts: Simulator

    def caller(self, spec: str) -> Caller:
        """The system of one of SYSTEMS."""
        system = SystemSpec.parse(spec)
        return Caller(self.endpoint, system.system_id, system.secret, self.http)

    @property
    def sender(self) -> Caller:
        """Sends as H99."""
        return self.caller(SYSTEMS[0])

    @property
    def receiver(self) -> Caller:
        """Receives as H98.01, which is 000.00.12.H98 too."""
        return self.caller(SYSTEMS[1])

    @property
    def other(self) -> Caller:
        """Receives as H97."""
        return self.caller(SYSTEMS[2])

    def ledger(self) -> dict[str, Any]:
        """What the axis has seen."""
        seen: dict[str, Any] = self.http.get(f"{self.endpoint}/_sim/ledger").json()
        return seen

    def fault(self, spec: str) -> httpx2.Response:
        """Switch a fault on."""
        return self.http.post(f"{self.endpoint}/_sim/faults", json={"fault": spec})

    def counted(self, caller: Caller) -> int:
        """How many documents wait."""
        count: int = caller.json(Operation.COUNT_EDOC)["count"]
        return count


@contextmanager
def running(
    folder: Path,
    clock: Clock = lambda: NOW,
    faults: Sequence[str] = (),
    systems: Sequence[str] = SYSTEMS,
    readings: Sequence[str] = KINDER,
) -> Iterator[Running]:
    """Serve a simulated axis while the context lasts."""
    declared = [SystemSpec.parse(spec) for spec in systems]
    parts = simulator(declared, faults, folder, clock, seed=1, readings=readings)
    with serving(parts.app) as endpoint, httpx2.Client(timeout=20, trust_env=False) as http:
        yield Running(endpoint, http, parts)


@dataclass
class Bytes:
    """A file in memory."""

    data: bytes
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.data)

    def open(self) -> BinaryIO:
        """From the beginning."""
        return BytesIO(self.data)


class PacketBytes(Bytes):
    """A packet in memory with its hash."""

    @property
    def sha256(self) -> str:
        """Lower-case hex."""
        return hashlib.sha256(self.data).hexdigest()


@asynccontextmanager
async def client(axis: Running, spec: str, clock: Clock = lambda: NOW, **changes: Any) -> AsyncIterator[VxpClient]:
    """Our own client as one of SYSTEMS; `changes` of its connection's settings."""
    system = SystemSpec.parse(spec)
    settings = VxpSettings(endpoint=f"{axis.endpoint}/XrdAdapter/adapter", allow_plain_http=True, **changes)
    opened = VxpClient(settings, system_id=system.system_id, secret=system.secret, clock=clock)
    try:
        yield opened
    finally:
        await opened.close()


def document(*to: str, from_code: str = "H99", files: Sequence[FileToSend] = ()) -> bytes:
    """A document packet to these codes."""
    packet = DocumentPacket(
        message_header=MessageHeader(
            from_=Organ(organ_id=from_code, organ_name="Cơ quan gửi"),
            to=tuple(Organ(organ_id=code, organ_name="Cơ quan nhận") for code in to),
            document_id=DOCUMENT_ID,
            code=Code(code_number="1520", code_notation="UBND-KT"),
            subject="V/v thử nghiệm liên thông",
        ),
        trace_header_list=TraceHeaderList(
            trace_headers=(TraceHeader(organ_id=from_code, timestamp=NOW),),
            bussiness=Bussiness(bussiness_doc_type="0", bussiness_doc_reason="Văn bản điện tử mới"),
        ),
    )
    out = BytesIO()
    write_document(packet, files, out)
    return out.getvalue()


def file(
    name: str, data: bytes = b"%PDF-1.4 mau", content_id: str = "10000000-0000-4000-8000-000000000001"
) -> FileToSend:
    """An attachment."""
    return FileToSend(attachment_name=name, source=Bytes(data), content_id=content_id, entry_name="20000000-0000.csv")


def status(code: str = "03", to: str = "H99", from_code: str = "H98.01") -> bytes:
    """A status packet about the document."""
    packet = StatusPacket(
        message_header=StatusHeader(
            from_=Organ(organ_id=from_code, organ_name="Cơ quan nhận"),
            response_for=ResponseFor(organ_id=to, code="1520/UBND-KT", document_id=DOCUMENT_ID),
            status_code=code,
            timestamp=NOW,
        )
    )
    out = BytesIO()
    write_status(packet, out)
    return out.getvalue()
