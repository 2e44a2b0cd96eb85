"""The trust in force, read from the tables and kept until one of them changes. Implements `Trust`."""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import pairwise

import structlog
from cryptography import x509

from gateway.jobs import Jobs, Lane
from gateway.signing import certificates
from gateway.signing.certificates import CertificateUnreadable, Flaw
from gateway.signing.facts import Reason
from gateway.signing.trust import answers, reasons, repository
from gateway.signing.trust.answers import AnswerUnusable, Crl, OcspAnswer, Status
from gateway.signing.trust.api import ChainJudgement
from gateway.signing.trust.chains import Authorities
from gateway.signing.trust.records import Answer, AnswerKind, Names, Speaker, TrustCertificate
from gateway.store import Store, Transaction

_log = structlog.get_logger(__name__)

_Check = tuple[str, datetime, str]
"""A list (its address, when it was fetched) and the issuer it was checked with."""

REVOCATION_JOB = "revocation"
"""Its key is the SHA-256 of the certificate that is asked about."""


class Held:
    """What is held at one moment. Judging computes, and calls nobody."""

    def __init__(
        self,
        *,
        authorities: Iterable[TrustCertificate],
        speakers: Iterable[Speaker],
        learnt: Iterable[Answer],
        troubles: dict[str, str],
        purposes: frozenset[str],
        checked: "dict[_Check, Crl | str] | None" = None,
    ) -> None:
        """`checked` carries over which lists were found genuine."""
        self.authorities = Authorities(authorities)
        self._by_code: dict[str, list[Speaker]] = {}
        self._by_fingerprint: dict[str, list[Speaker]] = {}
        for one in speakers:
            self._by_code.setdefault(one.code, []).append(one)
            self._by_fingerprint.setdefault(one.fingerprint, []).append(one)
        kept = list(learnt)
        self._lists = {one.about: one for one in kept if one.kind is AnswerKind.CRL}
        self._about = {one.about: one.data for one in kept if one.kind is AnswerKind.OCSP}
        self._troubles = troubles
        self._purposes = purposes
        present = {(one.about, one.fetched_at) for one in kept}
        self.checked = {check: crl for check, crl in (checked or {}).items() if check[:2] in present}

    def list_at(self, about: str) -> Answer | None:
        """The list that is kept of an address."""
        return self._lists.get(about)

    def judge(self, leaf: bytes, at: datetime) -> ChainJudgement:
        """As `Trust.judge`. Without a pinned anchor `trusted` is not determined."""
        try:
            certificate = certificates.read(leaf)
        except CertificateUnreadable:
            return ChainJudgement(
                trusted=False, revoked=None, valid_then=None, reasons=(reasons.of_flaw(Flaw.UNREADABLE),)
            )
        dates = certificates.date_flaw(certificate, at)
        key = certificates.public_key(certificate)
        found = [
            reasons.of_flaw(flaw)
            for flaw in (
                dates,
                key if isinstance(key, Flaw) else None,
                certificates.usage_flaw(certificate, self._purposes),
            )
            if flaw is not None
        ]
        if not self.authorities.has_anchors:
            undetermined = reasons.undetermined("no_chain")
            return ChainJudgement(
                trusted=False if found else None,
                revoked=None,
                valid_then=dates is None,
                reasons=(*found, reasons.NO_ANCHORS, undetermined),
            )
        chain = self.authorities.chain(certificate, at)
        if chain is None:
            lost = (*found, reasons.NO_CHAIN, reasons.undetermined("no_chain"))
            return ChainJudgement(trusted=False, revoked=None, valid_then=dates is None, reasons=lost)
        if chain.flaw is not None:
            expired = chain.flaw is Flaw.EXPIRED
            found.append(reasons.ISSUER_EXPIRED if expired else reasons.ISSUER_NOT_YET_VALID)
        revoked, said, used = self._revocation(chain.certificates, at)
        return ChainJudgement(
            trusted=not found and revoked is not True,
            revoked=revoked,
            valid_then=dates is None,
            chain=tuple(certificates.der_of(one) for one in chain.certificates),
            revocation=tuple(used),
            reasons=(*found, *said),
        )

    def may_speak(self, leaf: bytes, codes: Collection[str], at: datetime) -> bool | None:
        """As `Trust.may_speak`. A certificate that once spoke for somebody is one about which something is written."""
        try:
            certificate = certificates.read(leaf)
        except CertificateUnreadable:
            return False
        own = [
            one
            for names, fingerprint in (
                (Names.CERTIFICATE, certificates.sha256(certificate)),
                (Names.KEY, certificates.key_sha256(certificate)),
            )
            for one in self._by_fingerprint.get(fingerprint, ())
            if one.names is names
        ]
        wanted = {code_of(one) for one in codes}
        if any(one.code in wanted and _in_force(one, at) for one in own):
            return True
        of_codes = any(_in_force(one, at) for code in wanted for one in self._by_code.get(code, ()))
        return False if own or of_codes else None

    def _revocation(
        self, chain: tuple[x509.Certificate, ...], at: datetime
    ) -> tuple[bool | None, list[Reason], list[bytes]]:
        """Of the leaf and every intermediate; the anchor answers for itself."""
        leaf, verdict = chain[0], False
        said: list[Reason] = []
        used: list[bytes] = []
        open_question = False
        for certificate, issuer in pairwise(chain):
            status, why, looked_at = self._status(certificate, issuer, at)
            used += [one for one in looked_at if one not in used]
            if status is Status.REVOKED:
                verdict = True
                said.append(reasons.REVOKED if certificate is leaf else reasons.ISSUER_REVOKED)
            elif status is Status.REVOKED_LATER:
                said.append(reasons.REVOKED_LATER)
            elif status is None:
                open_question = True
                said.append(reasons.undetermined(why))
        return (True if verdict else None if open_question else False), said, used

    def _status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> tuple[Status | None, str, list[bytes]]:
        """What all answers together say; a revocation goes before everything."""
        found: list[Status] = []
        used: list[bytes] = []
        fingerprint = certificates.sha256(certificate)
        why = self._troubles.get(fingerprint, "not_asked")
        if not answers.ocsp_addresses(certificate) and not answers.crl_addresses(certificate):
            why = "no_address"
        if (data := self._about.get(fingerprint)) is not None:
            try:
                answer: OcspAnswer = answers.read_ocsp(data, certificate, issuer)
                found.append(answers.ocsp_says(answer, certificate, at))
                used.append(data)
            except AnswerUnusable as error:
                why = error.reason
        for one in self._lists.values():
            read = self._crl(one, issuer)
            if isinstance(read, str):
                why = why if read == "other_issuer" else read
                continue
            try:
                found.append(answers.crl_says(read, certificate, at))
                used.append(one.data)
            except AnswerUnusable as error:
                why = error.reason
        for status in (Status.REVOKED, Status.REVOKED_LATER, Status.GOOD):
            if status in found:
                return status, "", used
        return None, why, used

    def _crl(self, one: Answer, issuer: x509.Certificate) -> Crl | str:
        """The list as this issuer's, or why it is not: checked once, for lists may have megabytes."""
        check = (one.about, one.fetched_at, certificates.sha256(issuer))
        if check not in self.checked:
            try:
                self.checked[check] = answers.read_crl(one.data, issuer)
            except AnswerUnusable as error:
                self.checked[check] = error.reason
        return self.checked[check]


class TrustBook:
    """Reads what is held, again whenever it has changed; and notes certificates that come, to be asked about."""

    def __init__(self, store: Store, jobs: Jobs, *, purposes: frozenset[str]) -> None:
        self._store = store
        self._jobs = jobs
        self._purposes = purposes
        self._kept: tuple[object, Held] | None = None
        self._answers: dict[tuple[AnswerKind, str], Answer] = {}

    async def held(self) -> Held:
        """What is held now."""
        async with self._store.read() as tx:
            return await self.held_in(tx)

    async def held_in(self, tx: Transaction) -> Held:
        """As `held`, in a transaction."""
        stamp = await repository.stamp(tx)
        kept = self._kept
        if kept is not None and kept[0] == stamp:
            return kept[1]
        learnt = await repository.answers(tx, self._answers)
        self._answers = {(one.kind, one.about): one for one in learnt}
        made = Held(
            authorities=await repository.certificates(tx),
            speakers=await repository.speakers(tx),
            learnt=learnt,
            troubles=await repository.troubles(tx),
            purposes=self._purposes,
            checked=kept[1].checked if kept is not None else None,
        )
        if made.authorities.left_out:
            _log.error("trust.pin_mismatch", certificates=made.authorities.left_out)
        self._kept = (stamp, made)
        return made

    async def saw(self, tx: Transaction, leaf: bytes, now: datetime) -> None:
        """Note a leaf that came with a packet, and have its issuer asked about it, now and again later."""
        try:
            sha256 = certificates.sha256(certificates.read(leaf))
        except CertificateUnreadable:
            return
        await repository.watch(tx, sha256, leaf, now)
        await self._jobs.put(tx, kind=REVOCATION_JOB, key=sha256, lane=Lane.BACKGROUND, once_more=False)


def code_of(text: str) -> str:
    """A code as it is compared."""
    return text.strip().upper()


def _in_force(one: Speaker, at: datetime) -> bool:
    return one.valid_from <= at and (one.valid_until is None or at < one.valid_until)
