"""A bundle made by hand, and hands that change it."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from enveloped_parts import FILE, NOW, PACKET, certificate, ec_key, judged, signed, template, x509_data

from gateway.evidence.bundle import write_bundle
from gateway.evidence.checking import Checked, check_bundle
from gateway.evidence.contents import (
    Contents,
    DispatchPart,
    FilePart,
    Log,
    LogEntry,
    LogHead,
    LogRun,
    PacketPart,
    Subject,
)
from gateway.evidence.entry import GENESIS, body_of, digest, link
from gateway.evidence.gathering import Gathered, GatheredPacket, SignatureEvidence
from gateway.evidence.heads import Head
from gateway.evidence.reverifying import reverified
from gateway.store import FolderBlobs

Json = dict[str, Any]  # Any: what JSON holds is what the test is about
ID, DISPATCH, PACKET_ID, MEANING = "d0", "s0", "p0", "5" * 64
AT = datetime(2026, 11, 22, 2, tzinfo=UTC)
DAY = date(2026, 11, 22)
METHOD = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


@cache
def blobs() -> FolderBlobs:
    """A folder for all bundles."""
    return FolderBlobs(Path(mkdtemp()) / "blobs")


@cache
def packet() -> bytes:
    """A packet with an ordinary signature."""
    return signed(PACKET, template(x509_data(certificate(ec_key())), method=METHOD), ec_key())


def digest_of(data: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(data).hexdigest()


@cache
def log() -> tuple[Log, Head]:
    """Six entries of which the second, third and fifth are ours, and the head of the day."""
    said = [
        ("document.accepted", None, {"meaning": MEANING}),
        ("packet.built", DISPATCH, {"dispatch": DISPATCH, "packet": digest_of(packet())}),
        ("document.sent", DISPATCH, {"dispatch": DISPATCH, "axis_doc_id": "A1"}),
    ]
    bodies = [
        body_of(at=AT, kind=kind, unit_code="H99", document_id=ID, subject=subject, data=data)
        for kind, subject, data in said
    ]
    other = body_of(at=AT, kind="document.sent", unit_code="H99", document_id="x", subject=None, data={})
    links, previous = [], GENESIS
    for seq, body in enumerate([other, bodies[0], bodies[1], other, bodies[2], other], start=1):
        links.append(link(seq, body, previous))
        previous = links[-1].hash
    ours = [one for one in links if one.seq in (2, 3, 5)]
    head = Head(day=DAY, seq=6, hash=previous)
    run = LogRun(
        first=2,
        previous=links[1].previous,
        digests=tuple(digest(one.seq, one.body) for one in links[1:]),
        head=LogHead(day=DAY, seq=6, hash=previous),
    )
    entries = tuple(LogEntry(seq=one.seq, body=one.body, previous=one.previous, hash=one.hash) for one in ours)
    return Log(entries=entries, runs=(run,), waiting=()), head


@cache
def gathered() -> Gathered:
    """All of it, put together."""
    with blobs().create() as writer:
        writer.write(packet())
        blob = writer.commit()
    _, facts = judged(packet(), blobs())
    part = PacketPart(
        id=PACKET_ID,
        message_type="edoc",
        direction="out",
        size=blob.size,
        sha256=blob.sha256,
        created_at=AT,
        file=f"packets/{PACKET_ID}.edxml",
    )
    leaf = certificate(ec_key())
    signature = SignatureEvidence(facts=facts, judged_at=NOW, certificates=(leaf, leaf), revocation=(b"a CRL",))
    return Gathered(
        contents=Contents(
            subject=Subject(
                kind="document",
                id=ID,
                document=ID,
                direction="out",
                unit="H99",
                sender="H99",
                document_id="H99,2025/03/05,1520/UBND-KT",
                business_type="0",
                state="sent",
                meaning=MEANING,
                twin_of=None,
                created_at=AT,
                changed_at=AT,
            ),
            files=(FilePart(position=1, attachment_name="van-ban.pdf", size=17, sha256=_file_hash(), verdict=None),),
            recipients=(),
            dispatches=(
                DispatchPart(
                    id=DISPATCH,
                    message_type="edoc",
                    connection="c0",
                    from_code="H99",
                    state="accepted",
                    packet=PACKET_ID,
                    status=None,
                    axis_doc_id="A1",
                    attempts=1,
                    reason=None,
                    error_code=None,
                    error_text=None,
                    created_at=AT,
                    sent_at=AT,
                    changed_at=AT,
                    resends=None,
                ),
            ),
            arrivals=(),
            statuses=(),
            packets=(part,),
        ),
        packets=(GatheredPacket(part=part, blob=blob, signature=signature),),
        log=log()[0],
    )


def _file_hash() -> str:
    return digest_of(base64.b64decode(FILE))


class Grown:
    """Bytes that only grow."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)


@cache
def bundle() -> bytes:
    """The bundle as it is exported."""
    out = Grown()
    write_bundle(gathered(), blobs(), out)
    return bytes(out.data)


def files_of(data: bytes) -> dict[str, bytes]:
    """Every file of a bundle."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Files as an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=compression)
    return out.getvalue()


def changed(change: Callable[[dict[str, bytes]], None], *, listed: bool = True) -> bytes:
    """The bundle with something changed; `listed`: by somebody who puts the manifest right."""
    files = files_of(bundle())
    change(files)
    if listed:
        manifest: Json = json.loads(files["manifest.json"])
        manifest["files"] = [
            {"name": name, "size": len(data), "sha256": digest_of(data)}
            for name, data in sorted(files.items())
            if name != "manifest.json"
        ]
        files["manifest.json"] = json.dumps(manifest).encode()
    return zipped(files)


def edited(name: str, change: Callable[[Json], None]) -> Callable[[dict[str, bytes]], None]:
    """What changes one JSON file."""

    def edit(files: dict[str, bytes]) -> None:
        value: Json = json.loads(files[name])
        change(value)
        files[name] = json.dumps(value).encode()

    return edit


def check(data: bytes, *outside: Head) -> Checked:
    """Check it."""
    return check_bundle(io.BytesIO(data), len(data), blobs(), reverified, outside)


def flaws(data: bytes, *outside: Head) -> set[str]:
    """The codes of what is wrong."""
    return {one.code for one in check(data, *outside).flaws}
