"""Signatures of what comes: the facts about one packet, what is agreed with its sender, and what follows.

A packet is never refused for its signature; where that is agreed it is set apart for a person, with an alarm.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from gateway.directory import catalogue, units
from gateway.directory.records import Connection
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.signatures import repository
from gateway.documents.signatures.model import KeptSignature, SubjectSort
from gateway.edxml.reader import ReadPacket
from gateway.signing.facts import Scheme, SignatureFacts
from gateway.signing.partners import agreements
from gateway.signing.partners.model import Decision, Policy, Treatment
from gateway.signing.partners.policy import decide
from gateway.signing.trust.api import Trust
from gateway.signing.verify import KnownSigner, Looked, by_habit, seen, sender_of, weigh, weigh_again
from gateway.signing.xmldsig.verifying import EnvelopedVerifier, look_at, parts_of
from gateway.store import Blob, Blobs, Store, Transaction
from gateway.times import VIETNAM, Clock

_LOOKED_AT_AGAIN = 200
"""Kept signatures that are judged anew when something was learnt of their certificate; the rest the next time."""


class TrustInForce(Protocol):
    """Where trust is read, and where certificates that came are noted so that their issuers are asked."""

    async def held_in(self, tx: Transaction) -> Trust:
        """The trust in force now."""

    async def saw(self, tx: Transaction, leaf: bytes, now: datetime) -> None:
        """A leaf (DER) came with a packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What is known of a packet's signature before it is laid before anybody."""

    facts: SignatureFacts
    sender_codes: frozenset[str]
    decision: Decision
    received_at: datetime
    leaf: bytes | None = None
    chain: tuple[bytes, ...] = ()
    revocation: tuple[bytes, ...] = ()


class Examiner:
    """Looks at signatures of packets that come; writes in the caller's transaction and never commits."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        trust: TrustInForce,
        enveloped: EnvelopedVerifier,
        announce: Announce,
        clock: Clock,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._trust = trust
        self._enveloped = enveloped
        self._announce = announce
        self._clock = clock

    async def examine(self, connection: Connection, packet: Blob, read: ReadPacket, looked: Looked) -> Examined:
        """The facts, by the trust and agreements in force; `looked` is what `verify.look` saw while it was read."""
        now = self._clock()
        named = sender_of(read.packet)
        async with self._store.read() as tx:
            codes = await catalogue.aliases(tx, named[0]) if named else frozenset[str]()
            policy = await agreements.with_partner(tx, codes, now.astimezone(VIETNAM).date())
            signer = await _known_signer(tx, codes, policy)
            own, trust = dict[str, str](), None
            if looked.facts.present:
                own = await units.every_code(tx, connection.id)
                trust = await self._trust.held_in(tx)
        if looked.facts.scheme is Scheme.XMLDSIG:
            looked = await self._enveloped_looked(packet, read, now, policy)
        weighed = weigh(looked, read.packet, received=now, trust=trust, own_codes=own, sender_codes=codes)
        facts = by_habit(weighed.facts, received=now, signer=signer)
        return Examined(
            facts=facts,
            sender_codes=codes,
            decision=decide(facts, policy),
            received_at=now,
            leaf=looked.leaf,
            chain=weighed.chain,
            revocation=weighed.revocation,
        )

    async def keep(
        self, tx: Transaction, examined: Examined, *, sort: SubjectSort, subject: str, packet_id: str, unit_code: str
    ) -> None:
        """Keep the facts with what came; nothing is kept of a packet that bears no signature."""
        facts = examined.facts
        if not facts.present:
            return
        if facts.certificate is not None and facts.signed_info_sha256 is not None:
            before = await repository.was_seen(tx, unit_code, facts.certificate.sha256, facts.signed_info_sha256)
            facts = seen(facts, before=before)
        kept = KeptSignature(
            subject=subject,
            sort=sort,
            packet_id=packet_id,
            unit_code=unit_code,
            sender_code=_shortest(examined.sender_codes),
            facts=facts,
            certificate=examined.leaf,
            chain=examined.chain,
            revocation=examined.revocation,
            received_at=examined.received_at,
            judged_at=examined.received_at,
        )
        await repository.keep(tx, kept)
        if examined.leaf is not None:
            await self._trust.saw(tx, examined.leaf, examined.received_at)

    async def tell(
        self, tx: Transaction, examined: Examined, *, arrival: str, document: str | None, unit_code: str | None
    ) -> None:
        """The alarm, where one is agreed."""
        if examined.decision.treatment is Treatment.MARK:
            return
        data = {
            "arrival": arrival,
            "from": _shortest(examined.sender_codes),
            "situations": ",".join(examined.decision.situations),
            "treatment": examined.decision.treatment.value,
        }
        announcement = Announcement(
            kind=Happening.ALARM_SIGNATURE, at=examined.received_at, unit_code=unit_code, document=document, data=data
        )
        await self._announce(tx, announcement)

    async def learnt(self, tx: Transaction, certificate_sha256: str, now: datetime) -> None:
        """Judge what came with a certificate anew, each as at its own receipt: more is known of it. (A `Renewed`.)"""
        trust = await self._trust.held_in(tx)
        for kept in await repository.open_of(tx, certificate_sha256, _LOOKED_AT_AGAIN):
            codes = await catalogue.aliases(tx, kept.sender_code)
            weighed = weigh_again(
                kept.facts, kept.certificate, received=kept.received_at, trust=trust, sender_codes=codes
            )
            anew = replace(kept, facts=weighed.facts, chain=weighed.chain, revocation=weighed.revocation, judged_at=now)
            await repository.judge_anew(tx, anew)

    async def _enveloped_looked(self, packet: Blob, read: ReadPacket, now: datetime, policy: Policy) -> Looked:
        facts = await self._enveloped.verify(
            self._blobs.source(packet), read.signature, parts_of(read), at=now, accept_sha1=policy.sha1
        )
        leaf = None if facts.certificate is None else look_at(read.signature).leaf.der
        return Looked(facts=facts, leaf=leaf, header_signed=facts.intact is True)


async def _known_signer(tx: Transaction, codes: Collection[str], policy: Policy) -> KnownSigner | None:
    """Since when this sender signs, and with what: by what came from it, else by what is agreed."""
    if codes and (known := await repository.known_signer(tx, codes)) is not None:
        return known
    if policy.signs_since is None:
        return None
    day = policy.signs_since
    return KnownSigner(since=datetime(day.year, day.month, day.day, tzinfo=VIETNAM), certificates=None)


def _shortest(codes: Collection[str]) -> str:
    """One code for a body that is known by several."""
    return min(codes, key=lambda code: (len(code), code), default="")[:100]
