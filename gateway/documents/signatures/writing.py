"""Packets of ours are written, and signed where the unit has a key: by the profile, or as a partner has asked for it."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import BinaryIO, Protocol, TypeVar

from gateway.documents.signatures.model import KeptSignature, SubjectSort
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.normal import FileDigest
from gateway.edxml.packing import Writable
from gateway.edxml.signable import Unsignable
from gateway.edxml.writer import FileToSend, write_document, write_status
from gateway.problems import Text
from gateway.signing.facts import PartFact, Reason, Scheme, SignatureFacts, reason
from gateway.signing.keys.api import KeyUnusable, SigningKey
from gateway.signing.keys.reasons import explained
from gateway.signing.leaf import read_leaf
from gateway.signing.sign import PacketSignature, sign_document, sign_status
from gateway.signing.xmldsig.words import Malformed as EnvelopedMalformed
from gateway.signing.xmldsig.writing import signed_enveloped
from gateway.store import Blob, Blobs, BlobWriter
from gateway.times import Clock

T = TypeVar("T")

Nonce = Callable[[], bytes]
"""16 random bytes."""


class KeysInUse(Protocol):
    """The keys of this installation."""

    async def use(self, unit_code: str, now: datetime, work: Callable[[SigningKey], T]) -> T | None:
        """Do `work` in a thread with the unit's key; None where none is configured. Raises KeyUnusable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToWrite:
    """What is to be written: a document with its files and their digests, in order, or a status.

    `enveloped`: all its receivers ask for an ordinary enveloped signature.
    """

    packet: DocumentPacket | StatusPacket
    files: Sequence[FileToSend] = ()
    digests: Sequence[FileDigest] = ()
    enveloped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A packet made durable. `facts` say how it is signed, or why it is not although the unit has a key; else None."""

    blob: Blob
    facts: SignatureFacts | None = None
    certificate: bytes | None = None

    def kept(
        self, *, dispatch_id: str, packet_id: str, unit_code: str, sender_code: str, at: datetime
    ) -> KeptSignature | None:
        """What is kept of it; None where there is nothing to say."""
        if self.facts is None:
            return None
        return KeptSignature(
            subject=dispatch_id,
            sort=SubjectSort.DISPATCH,
            packet_id=packet_id,
            unit_code=unit_code,
            sender_code=sender_code,
            facts=self.facts,
            certificate=self.certificate,
            chain=(),
            revocation=(),
            received_at=at,
            judged_at=at,
        )


class PacketWriter:
    """Writes packets once, for the dispatches that carry them."""

    def __init__(
        self,
        *,
        blobs: Blobs,
        keys: KeysInUse,
        nonce: Nonce,
        clock: Clock,
        unsigned_without_key: bool,
        most_enveloped_bytes: int,
    ) -> None:
        """`unsigned_without_key`: a packet leaves unsigned while the unit's key cannot be used, and says so."""
        self._blobs = blobs
        self._keys = keys
        self._nonce = nonce
        self._clock = clock
        self._unsigned_without_key = unsigned_without_key
        self._most_enveloped_bytes = most_enveloped_bytes

    async def write(self, unit_code: str, what: ToWrite) -> Written:
        """The packet, signed where the unit has a key.

        Raises Unsignable for a document that would not arrive as it is signed, KeyUnusable while the key cannot be
        used and the setting does not let it go unsigned. A status goes unsigned rather than not at all.
        """
        try:
            signed = await self._keys.use(unit_code, self._clock(), lambda key: self._signed(key, what))
        except KeyUnusable as error:
            if not self._unsigned_without_key:
                raise
            return await self._unsigned(what, _without_key(error))
        except Unsignable:
            if isinstance(what.packet, DocumentPacket):
                raise
            return await self._unsigned(what, _UNSIGNABLE_STATUS)
        if signed is not None:
            return signed
        return Written(blob=await asyncio.to_thread(self._plain, what, None))

    async def _unsigned(self, what: ToWrite, why: Reason) -> Written:
        blob = await asyncio.to_thread(self._plain, what, None)
        return Written(blob=blob, facts=SignatureFacts(present=False, reasons=(why,)))

    def _signed(self, key: SigningKey, what: ToWrite) -> Written:
        if not what.enveloped:
            return self._by_profile(key, what)
        try:
            return self._enveloped(key, what)
        except EnvelopedMalformed as problem:  # too large for a signature over the whole tree
            return self._by_profile(key, what, problem.reason)

    def _by_profile(self, key: SigningKey, what: ToWrite, *remarks: Reason) -> Written:
        now = self._clock()
        signature = _signature(what, key, now, self._nonce())
        facts = _facts(what, key, Scheme.PROFILE_1, now, signature.signed_info, remarks)
        return Written(blob=self._plain(what, signature), facts=facts, certificate=key.certificate)

    def _enveloped(self, key: SigningKey, what: ToWrite) -> Written:
        if sum(file.source.size for file in what.files) > self._most_enveloped_bytes:
            raise EnvelopedMalformed("packet_too_large")
        plain = BytesIO()
        _write(what, None, plain)
        signed = signed_enveloped(_InMemory(plain.getvalue()), key, most_bytes=self._most_enveloped_bytes)
        facts = _facts(what, key, Scheme.XMLDSIG, self._clock(), None, ())
        return Written(blob=self._committed(lambda out: out.write(signed)), facts=facts, certificate=key.certificate)

    def _plain(self, what: ToWrite, signature: PacketSignature | None) -> Blob:
        return self._committed(partial(_write, what, signature))

    def _committed(self, write: Callable[[BlobWriter], object]) -> Blob:
        out = self._blobs.create()
        try:
            write(out)
            return out.commit()
        except BaseException:
            out.discard()
            raise


@dataclass(frozen=True, slots=True)
class _InMemory:
    """A packet in memory, within the bounds of a signature over the whole tree."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return BytesIO(self.data)


def _write(what: ToWrite, signature: PacketSignature | None, out: Writable) -> None:
    parts = signature.parts if signature else None
    if isinstance(what.packet, StatusPacket):
        write_status(what.packet, out, signature=parts)
    else:
        write_document(what.packet, what.files, out, signature=parts)


def _signature(what: ToWrite, key: SigningKey, at: datetime, nonce: bytes) -> PacketSignature:
    if isinstance(what.packet, StatusPacket):
        return sign_status(what.packet, key, at, nonce)
    return sign_document(what.packet, what.digests, key, at, nonce)


def _facts(
    what: ToWrite, key: SigningKey, scheme: Scheme, at: datetime, signed_info: bytes | None, remarks: Sequence[Reason]
) -> SignatureFacts:
    """What is known of a signature that we made just now."""
    parts = ["header"]
    if isinstance(what.packet, DocumentPacket):
        parts += ["business", *(f"file:{position}" for position in range(1, len(what.files) + 1))]
    return SignatureFacts(
        present=True,
        scheme=scheme,
        well_formed=True,
        intact=True,
        covers=True,
        algorithm=key.algorithm.value,
        certificate=read_leaf(key.certificate).fact(at),
        weak=False,
        signed_at=at if signed_info is not None else None,
        signed_info_sha256=hashlib.sha256(signed_info).hexdigest() if signed_info is not None else None,
        parts=tuple(PartFact(part=one, covered=True, intact=True) for one in parts),
        reasons=tuple(remarks),
    )


def _without_key(error: KeyUnusable) -> Reason:
    why = explained(error.reason).text
    text = Text(f"Gửi không ký: {why.vi}", f"Sent unsigned: {why.en}")
    return reason("signature.not_signed", text, part=error.reason)


_UNSIGNABLE_STATUS = reason(
    "signature.not_signed",
    Text(
        "Gửi không ký: trạng thái có giá trị mà trục sẽ thay đổi.",
        "Sent unsigned: the status holds a value that the axis would change.",
    ),
    part="unsignable",
)
