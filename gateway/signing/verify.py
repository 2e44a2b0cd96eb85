"""Verifies the signature of a packet that was read: facts, each by itself, never one yes or no.

What needs a memory (was it seen before, does this partner usually sign) is added by `in_history`.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.normal import PROFILE, QD20_MARKER, normal_text
from gateway.edxml.reader import ReadPacket
from gateway.signing.contents import compare
from gateway.signing.facts import UNSIGNED, Reason, Scheme, SignatureFacts
from gateway.signing.leaf import Leaf, read_leaf
from gateway.signing.methods import value_bytes, verifies
from gateway.signing.profile import Found, profiles_named, read_signature
from gateway.signing.trust.api import Trust
from gateway.signing.words import Malformed, why

FAR = timedelta(hours=24)
"""A claimed time of signing further than this from the receipt is a warning."""


def verify(
    read: ReadPacket,
    *,
    received: datetime,
    trust: Trust | None = None,
    own_codes: Collection[str] | None = None,
    sender_codes: Collection[str] = (),
) -> SignatureFacts:
    """The facts about the signature of a packet. Blocks for some milliseconds: call it in a thread.

    `received` is when it came, aware, by which the certificate is judged. `own_codes`, aliases included, decide whether
    it is addressed to us; None leaves that open. `sender_codes` are further codes of its sender (aliases). Without
    `trust` what the certificate is worth stays undetermined. The attachments' sinks have still to be there.
    Raises what reading them raises.
    """
    seen = read.signature
    if not seen.present:
        return UNSIGNED if not seen.count else UNSIGNED.model_copy(update={"reasons": (why("elsewhere"),)})
    if seen.xml is None:
        return _unsuitable(Scheme.UNKNOWN, "kept_too_large" if seen.too_large else "unreadable")
    try:
        signature = etree.fromstring(seen.xml, _PARSER)
    except etree.XMLSyntaxError:
        return _unsuitable(Scheme.UNKNOWN, "unreadable")
    named = profiles_named(signature)
    if PROFILE in named:
        return _of_profile(read, signature, received, trust, own_codes, sender_codes)
    if named:
        return SignatureFacts(present=True, scheme=Scheme.UNKNOWN, reasons=(why("unknown_profile"),))
    if seen.placeholder:
        return SignatureFacts(present=True, scheme=Scheme.PLACEHOLDER, reasons=(why("placeholder"),))
    return SignatureFacts(present=True, scheme=Scheme.XMLDSIG, reasons=(why("other_scheme"),))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSigner:
    """What is known of a sender's habit: since when it signs, and the certificates (SHA-256, hex) it is known by."""

    since: datetime
    certificates: frozenset[str]


def in_history(
    facts: SignatureFacts, *, received: datetime, seen_before: bool | None, signer: KnownSigner | None
) -> SignatureFacts:
    """The facts with those that need a memory: replay and downgrade (facts 6 and 7 of the page).

    `seen_before`: whether (certificate, SHA-256 of SignedInfo) came to this unit earlier.
    """
    reasons = list(facts.reasons)
    if seen_before:
        reasons.append(why("seen_before"))
    downgraded: bool | None = None
    if signer is not None and received >= signer.since:
        certificate = None if facts.certificate is None else facts.certificate.sha256
        signed = facts.intact is not None or facts.certificate is not None
        another = signed and certificate not in signer.certificates
        downgraded = not signed or another
        if downgraded:
            reasons.append(why("another_signer" if another else "downgrade"))
    return facts.model_copy(update={"seen_before": seen_before, "downgraded": downgraded, "reasons": tuple(reasons)})


_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_ONE_OF_EACH = frozenset({"edXMLEnvelope", "edXMLHeader", "MessageHeader"})
_COVERS_OTHERWISE = frozenset({"no_header_reference", "reference_twice", "reference_order"})
"""Breaches of the grammar from which it follows that the references are not exactly those of the packet's parts."""


def _unsuitable(scheme: Scheme, word: str, *, covers: bool | None = None) -> SignatureFacts:
    return SignatureFacts(present=True, scheme=scheme, well_formed=False, covers=covers, reasons=(why(word),))


def _of_profile(
    read: ReadPacket,
    signature: etree._Element,
    received: datetime,
    trust: Trust | None,
    own_codes: Collection[str] | None,
    sender_codes: Collection[str],
) -> SignatureFacts:
    try:
        if read.signature.count != 1:
            raise Malformed("not_one")
        if not _ONE_OF_EACH.isdisjoint(read.repeated):
            raise Malformed("not_one_header")
        found = read_signature(signature)
        leaf = read_leaf(found.certificate)
    except Malformed as problem:
        covers = False if problem.word in _COVERS_OTHERWISE else None
        return _unsuitable(Scheme.PROFILE_1, problem.word, covers=covers)
    signed_info = found.statement.signed_info()
    flaw = _flaw(found, leaf, signed_info)
    compared = compare(read, found.statement)
    to_us, on_the_way = _addressed(read, own_codes, believed=flaw is None and compared.header_intact is True)
    fact = leaf.fact(received)
    trusted, valid, revoked, speaks, judged = _worth(read, leaf, received, trust, sender_codes)
    return SignatureFacts(
        present=True,
        scheme=Scheme.PROFILE_1,
        well_formed=True,
        intact=compared.intact if flaw is None else False,
        covers=compared.covers if compared.parts else None,
        algorithm=found.statement.algorithm.value,
        certificate=fact.model_copy(
            update={"valid_at_receipt": fact.valid_at_receipt if valid is None else valid, "revoked": revoked}
        ),
        trusted=trusted,
        speaks_for_sender=speaks,
        addressed_to_us=to_us,
        weak=False,
        signed_at=found.statement.at,
        signed_info_sha256=hashlib.sha256(signed_info).hexdigest(),
        parts=compared.parts,
        reasons=(
            *(() if flaw is None else (why(flaw),)),
            *compared.reasons,
            *on_the_way,
            *(() if abs(found.statement.at - received) <= FAR else (why("time_far"),)),
            *(() if fact.valid_at_receipt else (why("not_valid_then"),)),
            *judged,
        ),
    )


def _flaw(found: Found, leaf: Leaf, signed_info: bytes) -> str | None:
    """Why the value is not the certificate's signature of these bytes; None when it is."""
    if leaf.public is None:
        return leaf.flaw
    if found.statement.algorithm not in leaf.methods:
        return "key_mismatch"
    if len(found.value) != value_bytes(leaf.public):
        return "value_length"
    return None if verifies(leaf.public, found.statement.algorithm, signed_info, found.value) else "value"


def _addressed(
    read: ReadPacket, own_codes: Collection[str] | None, *, believed: bool
) -> tuple[bool | None, tuple[Reason, ...]]:
    """Whether one of our codes is a signed receiver, known only of a header that is what was signed."""
    if isinstance(read.packet, StatusPacket):
        signed, added = {normal_text(read.packet.message_header.response_for.organ_id or "")}, False
    elif isinstance(read.packet, DocumentPacket):
        receivers = read.packet.message_header.to
        marked = [normal_text(organ.organization_in_charge or "") == QD20_MARKER for organ in receivers]
        signed = {
            normal_text(organ.organ_id or "")
            for organ, is_marked in zip(receivers, marked, strict=True)
            if not is_marked
        }
        added = any(marked)
    else:
        return None, ()
    reasons = (why("receiver_added"),) if added else ()
    if own_codes is None or not believed:
        return None, reasons
    to_us = not signed.isdisjoint(own_codes)
    return to_us, reasons if to_us else (*reasons, why("not_to_us"))


def _worth(
    read: ReadPacket, leaf: Leaf, received: datetime, trust: Trust | None, sender_codes: Collection[str]
) -> tuple[bool | None, bool | None, bool | None, bool | None, tuple[Reason, ...]]:
    """Trusted, valid then, revoked, speaks for the sender, and why."""
    if trust is None:
        return None, None, None, None, ()
    judged = trust.judge(leaf.der, received)
    codes = set(sender_codes)
    if read.packet is not None and (sender := read.packet.message_header.from_.organ_id):
        codes.add(sender)
    speaks = trust.may_speak(leaf.der, codes, received) if codes else None
    return judged.trusted, judged.valid_then, judged.revoked, speaks, judged.reasons
