"""Verifies an ordinary enveloped signature over the whole packet (`URI=""`), within bounds.

The axis re-writes packets, so that few arrive whole (packet format 10.2); what is found is told, never refused for.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import xmlsec
from lxml import etree
from xmlsec import constants

from gateway.edxml.model import DocumentPacket
from gateway.edxml.reader import ReadPacket
from gateway.edxml.signature_seen import SignatureSeen
from gateway.edxml.sinks import Source
from gateway.signing.facts import UNSIGNED, PartFact, Reason, Scheme, SignatureFacts
from gateway.signing.xmldsig import algorithms
from gateway.signing.xmldsig.grammar import Enveloped, look
from gateway.signing.xmldsig.placeholders import is_placeholder
from gateway.signing.xmldsig.settings import XmldsigSettings
from gateway.signing.xmldsig.whole import parse, signature_in
from gateway.signing.xmldsig.words import Malformed, why

MB = 1024 * 1024


class EnvelopedVerifier:
    """Verifies one packet at a time in this process: a tree takes memory four to five times the packet's size."""

    def __init__(self, settings: XmldsigSettings) -> None:
        self._most_bytes = settings.packet_mb * MB
        self._turn = asyncio.Lock()

    async def verify(
        self, packet: Source, seen: SignatureSeen, parts: Sequence[str], *, at: datetime, accept_sha1: bool
    ) -> SignatureFacts:
        """As `verify`, in a thread. Raises what the source raises."""
        call = partial(
            verify, packet, seen, parts, at=at, accept_sha1=accept_sha1, most_bytes=self._most_bytes
        )  # fmt: skip
        async with self._turn:
            return await asyncio.to_thread(call)


def verify(
    packet: Source, seen: SignatureSeen, parts: Sequence[str], *, at: datetime, accept_sha1: bool, most_bytes: int
) -> SignatureFacts:
    """The facts about the signature of a packet of which the reader saw `seen`.

    `parts` are those that the packet has (`parts_of`); the signature speaks of all of them or of none. `at` is the
    receipt, by which the certificate's dates are judged. What needs trust, a directory or a memory stays undetermined.
    Raises what the source raises.
    """
    if not seen.present:
        return UNSIGNED
    if seen.count == 1 and is_placeholder(seen):
        return _placeholder(parts)
    facts = SignatureFacts(present=True, scheme=Scheme.XMLDSIG)
    try:
        signature = look_at(seen)
    except Malformed as problem:
        return _with(facts, problem.reason, well_formed=False)
    facts = facts.model_copy(
        update={
            "algorithm": signature.method.name,
            "parts": tuple(_part(part, None) for part in parts),
            "certificate": signature.leaf.fact(at),
            "weak": signature.weak,
            "reasons": (why("sha1"),) if signature.weak else (),
        }
    )
    if signature.weak and not accept_sha1:
        return _with(facts, why("sha1_not_accepted"), well_formed=True)
    if packet.size > most_bytes:
        return _with(facts, why("packet_too_large"))
    try:
        return _over_the_tree(facts, packet, signature, parts)
    except Malformed as problem:
        return _with(facts, problem.reason, well_formed=False)


def look_at(seen: SignatureSeen) -> Enveloped:
    """What the reader kept of the signature, by the grammar, at little cost. Raises Malformed."""
    if seen.count != 1:
        raise Malformed("not_one")
    if seen.xml is None:
        raise Malformed("kept_too_large")
    return look(etree.fromstring(seen.xml, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)))


def parts_of(read: ReadPacket) -> tuple[str, ...]:
    """The parts that a read packet has: `header`, `business` where there is one, and `file:1`…"""
    if not isinstance(read.packet, DocumentPacket):
        return ("header",)
    business = ("business",) if read.packet.trace_header_list.bussiness is not None else ()
    return ("header", *business, *(f"file:{attachment.position}" for attachment in read.attachments))


def _over_the_tree(facts: SignatureFacts, packet: Source, seen: Enveloped, parts: Sequence[str]) -> SignatureFacts:
    with packet.open() as stream:
        root = parse(stream)
    element = signature_in(root)
    found = look(element)
    if found != seen:  # the reader and the tree must have seen the same signature
        raise Malformed("grammar")
    signed_info = next(element.iterchildren())
    facts = facts.model_copy(
        update={
            "well_formed": True,
            "signed_info_sha256": hashlib.sha256(
                etree.tostring(signed_info, method="c14n", exclusive=True)
            ).hexdigest(),
        }
    )
    intact, reason = _verified(root, element, found)
    return facts.model_copy(
        update={
            "intact": intact,
            "covers": True,
            "parts": tuple(_part(part, _agrees(intact, reason)) for part in parts),
            "reasons": (*facts.reasons, *((reason,) if reason else ())),
        }
    )


def _verified(root: etree._Element, element: etree._Element, found: Enveloped) -> tuple[bool | None, Reason | None]:
    """Whether it verifies with the certificate's key and nothing else, and why not."""
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(found.leaf.public_key, constants.KeyDataFormatPem)
    for uri in {found.canonicalization, found.method_uri}:
        context.enable_signature_transform(_TRANSFORMS[uri])
    for uri in {algorithms.ENVELOPED, found.reference_canonicalization or algorithms.INCLUSIVE, found.digest_uri}:
        context.enable_reference_transform(_TRANSFORMS[uri])
    try:
        context.verify(element)
    except xmlsec.VerificationError:
        return False, why("value" if _digest_agrees(root, element, found) else "changed")
    except xmlsec.Error:
        return None, why("not_computable")
    return True, None


def _digest_agrees(root: etree._Element, element: etree._Element, found: Enveloped) -> bool:
    """Whether the packet without its signature still has the digest. The tree is of no use afterwards."""
    header = element.getparent()
    assert header is not None
    before = element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (element.tail or "")
    else:
        header.text = (header.text or "") + (element.tail or "")
    header.remove(element)
    exclusive = algorithms.CANONICALIZATIONS[found.reference_canonicalization or algorithms.INCLUSIVE]
    canonical = etree.tostring(root.getroottree(), method="c14n", exclusive=exclusive, with_comments=False)
    return hashlib.new(found.digest.name, canonical, usedforsecurity=False).digest() == found.digest_value


def _agrees(intact: bool | None, reason: Reason | None) -> bool | None:
    """Whether the parts agree with what the signature says of them, which may be said of one with a wrong key too."""
    return True if reason is not None and reason.code == "signature.value" else intact


def _placeholder(parts: Sequence[str]) -> SignatureFacts:
    return SignatureFacts(
        present=True,
        scheme=Scheme.PLACEHOLDER,
        well_formed=False,
        parts=tuple(PartFact(part=part, covered=False, intact=None) for part in parts),
        reasons=(why("placeholder"),),
    )


def _part(part: str, intact: bool | None) -> PartFact:
    return PartFact(part=part, covered=True, intact=intact)


def _with(facts: SignatureFacts, reason: Reason, *, well_formed: bool | None = None) -> SignatureFacts:
    return facts.model_copy(update={"well_formed": well_formed, "reasons": (*facts.reasons, reason)})


_TRANSFORMS = {
    one.href: one
    for one in (
        constants.TransformEnveloped,
        constants.TransformInclC14N,
        constants.TransformInclC14NWithComments,
        constants.TransformInclC14N11,
        constants.TransformInclC14N11WithComments,
        constants.TransformExclC14N,
        constants.TransformExclC14NWithComments,
        constants.TransformRsaSha1,
        constants.TransformRsaSha256,
        constants.TransformRsaSha384,
        constants.TransformRsaSha512,
        constants.TransformEcdsaSha256,
        constants.TransformEcdsaSha384,
        constants.TransformEcdsaSha512,
        constants.TransformSha1,
        constants.TransformSha256,
        constants.TransformSha384,
        constants.TransformSha512,
    )
}
"""xmlsec's name for each accepted identifier."""
