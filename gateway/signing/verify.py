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
    """All facts about the signature of a packet that need no memory: `look`, and then `weigh`."""
    looked = look(read, received=received)
    codes = {*sender_codes, *sender_of(read.packet)}
    return weigh(looked, read.packet, received=received, trust=trust, own_codes=own_codes, sender_codes=codes).facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a packet by itself tells of its signature. `leaf` is the certificate that came, DER.

    `header_signed`: the header is the one that was signed by that certificate's key, so that its To can be believed.
    """

    facts: SignatureFacts
    leaf: bytes | None = None
    header_signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """The facts with what the certificate is worth, and what that rests on (DER, see ChainJudgement)."""

    facts: SignatureFacts
    chain: tuple[bytes, ...] = ()
    revocation: tuple[bytes, ...] = ()


def look(read: ReadPacket, *, received: datetime) -> Looked:
    """What the packet itself tells. Blocks for some milliseconds: call it in a thread.

    `received` is when it came, aware, by which the certificate's dates are judged. The attachments' sinks have still to
    be there. An ordinary XML signature is only recognised: `xmldsig` verifies it. Raises what reading the sinks raises.
    """
    seen = read.signature
    if not seen.present:
        return Looked(
            facts=UNSIGNED if not seen.count else UNSIGNED.model_copy(update={"reasons": (why("elsewhere"),)})
        )
    if seen.xml is None:
        return _unsuitable(Scheme.UNKNOWN, "kept_too_large" if seen.too_large else "unreadable")
    try:
        signature = etree.fromstring(seen.xml, _PARSER)
    except etree.XMLSyntaxError:
        return _unsuitable(Scheme.UNKNOWN, "unreadable")
    named = profiles_named(signature)
    if PROFILE in named:
        return _of_profile(read, signature, received)
    if named:
        return Looked(facts=SignatureFacts(present=True, scheme=Scheme.UNKNOWN, reasons=(why("unknown_profile"),)))
    if seen.placeholder:
        return Looked(facts=SignatureFacts(present=True, scheme=Scheme.PLACEHOLDER, reasons=(why("placeholder"),)))
    return Looked(facts=SignatureFacts(present=True, scheme=Scheme.XMLDSIG, reasons=(why("other_scheme"),)))


def weigh(
    looked: Looked,
    packet: DocumentPacket | StatusPacket | None,
    *,
    received: datetime,
    trust: Trust | None,
    own_codes: Collection[str] | None,
    sender_codes: Collection[str],
) -> Weighed:
    """Add what the certificate is worth and whether it is addressed to us. Computes only; blocks for a millisecond.

    `own_codes`, aliases included, decide whether it is addressed to us; None leaves that open. `sender_codes` are all
    codes of its sender. Without `trust` what the certificate is worth stays undetermined.
    """
    if not looked.facts.present:
        return Weighed(facts=looked.facts)
    to_us, on_the_way = _addressed(packet, own_codes, believed=looked.header_signed)
    facts = looked.facts.model_copy(update={"addressed_to_us": to_us, "reasons": (*looked.facts.reasons, *on_the_way)})
    return weigh_again(facts, looked.leaf, received=received, trust=trust, sender_codes=sender_codes)


def weigh_again(
    facts: SignatureFacts,
    leaf: bytes | None,
    *,
    received: datetime,
    trust: Trust | None,
    sender_codes: Collection[str],
) -> Weighed:
    """The facts with what is known of the certificate's worth by now, in place of what was known before."""
    if leaf is None or trust is None or facts.certificate is None:
        return Weighed(facts=facts)
    judged = trust.judge(leaf, received)
    valid = facts.certificate.valid_at_receipt if judged.valid_then is None else judged.valid_then
    update = {
        "certificate": facts.certificate.model_copy(update={"valid_at_receipt": valid, "revoked": judged.revoked}),
        "trusted": judged.trusted,
        "speaks_for_sender": trust.may_speak(leaf, sender_codes, received) if sender_codes else None,
        "reasons": (*(one for one in facts.reasons if not one.code.startswith(_OF_TRUST)), *judged.reasons),
    }
    return Weighed(facts=facts.model_copy(update=update), chain=judged.chain, revocation=judged.revocation)


def sender_of(packet: DocumentPacket | StatusPacket | None) -> tuple[str, ...]:
    """The code that the packet names as its sender's, where it names one."""
    code = packet.message_header.from_.organ_id if packet is not None else None
    return (code,) if code else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSigner:
    """What is known of a sender's habit: since when it signs, and the certificates (SHA-256, hex) it is known by.

    `certificates` None: it is only known that it signs, not with what.
    """

    since: datetime
    certificates: frozenset[str] | None


def in_history(
    facts: SignatureFacts, *, received: datetime, seen_before: bool | None, signer: KnownSigner | None
) -> SignatureFacts:
    """The facts with those that need a memory: replay and downgrade (facts 6 and 7 of the page)."""
    return seen(by_habit(facts, received=received, signer=signer), before=seen_before)


def seen(facts: SignatureFacts, *, before: bool | None) -> SignatureFacts:
    """`before`: whether (certificate, SHA-256 of SignedInfo) came to this unit earlier."""
    reasons = (*facts.reasons, why("seen_before")) if before else facts.reasons
    return facts.model_copy(update={"seen_before": before, "reasons": reasons})


def by_habit(facts: SignatureFacts, *, received: datetime, signer: KnownSigner | None) -> SignatureFacts:
    """Whether a sender that is known to sign did not, or another did in its name.

    A certificate that may speak for the sender is its own, however new.
    """
    if signer is None or received < signer.since:
        return facts.model_copy(update={"downgraded": None})
    certificate = None if facts.certificate is None else facts.certificate.sha256
    signed = facts.intact is not None or certificate is not None
    known = signer.certificates is None or certificate in signer.certificates
    another = signed and not known and facts.speaks_for_sender is not True
    reasons = facts.reasons
    if not signed or another:
        reasons = (*reasons, why("another_signer" if another else "downgrade"))
    return facts.model_copy(update={"downgraded": not signed or another, "reasons": reasons})


_OF_TRUST = "trust."
"""How the codes of reasons begin that say what a certificate is worth."""

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_ONE_OF_EACH = frozenset({"edXMLEnvelope", "edXMLHeader", "MessageHeader"})
_COVERS_OTHERWISE = frozenset({"no_header_reference", "reference_twice", "reference_order"})
"""Breaches of the grammar from which it follows that the references are not exactly those of the packet's parts."""


def _unsuitable(scheme: Scheme, word: str, *, covers: bool | None = None) -> Looked:
    facts = SignatureFacts(present=True, scheme=scheme, well_formed=False, covers=covers, reasons=(why(word),))
    return Looked(facts=facts)


def _of_profile(read: ReadPacket, signature: etree._Element, received: datetime) -> Looked:
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
    fact = leaf.fact(received)
    facts = SignatureFacts(
        present=True,
        scheme=Scheme.PROFILE_1,
        well_formed=True,
        intact=compared.intact if flaw is None else False,
        covers=compared.covers if compared.parts else None,
        algorithm=found.statement.algorithm.value,
        certificate=fact,
        weak=False,
        signed_at=found.statement.at,
        signed_info_sha256=hashlib.sha256(signed_info).hexdigest(),
        parts=compared.parts,
        reasons=(
            *(() if flaw is None else (why(flaw),)),
            *compared.reasons,
            *(() if abs(found.statement.at - received) <= FAR else (why("time_far"),)),
            *(() if fact.valid_at_receipt else (why("not_valid_then"),)),
        ),
    )
    return Looked(facts=facts, leaf=leaf.der, header_signed=flaw is None and compared.header_intact is True)


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
    packet: DocumentPacket | StatusPacket | None, own_codes: Collection[str] | None, *, believed: bool
) -> tuple[bool | None, tuple[Reason, ...]]:
    """Whether one of our codes is a signed receiver, known only of a header that is what was signed."""
    if isinstance(packet, StatusPacket):
        signed, added = {normal_text(packet.message_header.response_for.organ_id or "")}, False
    elif isinstance(packet, DocumentPacket):
        receivers = packet.message_header.to
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
