"""The job that asks issuers whether a certificate is revoked, and asks again later."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import structlog
from cryptography import x509

from gateway.jobs import Again, Claimed, Done, Jobs, Outcome
from gateway.signing import certificates
from gateway.signing.certificates import CertificateUnreadable
from gateway.signing.trust import answers, repository
from gateway.signing.trust.answers import AnswerUnusable
from gateway.signing.trust.book import Held, TrustBook
from gateway.signing.trust.fetching import Fetcher, NotFetched
from gateway.signing.trust.records import Answer, AnswerKind
from gateway.store import Store, Transaction
from gateway.times import Clock

_log = structlog.get_logger(__name__)

_MOST_ADDRESSES = 3
_SOONER = 12
"""After a failure the next look comes this many times sooner."""

Renewed = Callable[[Transaction, str, datetime], Awaitable[None]]
"""Told, inside the transaction, of the SHA-256 of a leaf that was asked about: what rests on it is to be judged again."""


async def nobody_listens(tx: Transaction, sha256: str, now: datetime) -> None:
    """The Renewed of who keeps no judgements."""


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What one look brought."""

    found: tuple[Answer, ...]
    trouble: str | None


class Asker:
    """Handles the jobs of kind `revocation`; each is about one certificate that came with a packet."""

    def __init__(
        self,
        *,
        store: Store,
        jobs: Jobs,
        book: TrustBook,
        fetcher: Fetcher,
        clock: Clock,
        every: timedelta,
        for_days: int,
        renewed: Renewed = nobody_listens,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._book = book
        self._fetcher = fetcher
        self._clock = clock
        self._every = every
        self._for = timedelta(days=for_days)
        self._renewed = renewed

    async def handle(self, job: Claimed) -> Outcome:
        """Ask, keep what can be believed, and come again as long as the certificate is in use."""
        now = self._clock()
        async with self._store.read() as tx:
            watched = await repository.watched(tx, job.key)
        if watched is None or now - watched.last_seen > self._for:
            return Done()
        learnt = await self.look(watched.certificate, now)
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            for one in learnt.found:
                await repository.put_answer(tx, one)
            await repository.looked_at(tx, job.key, now, learnt.trouble)
            await self._renewed(tx, job.key, now)
        _log.info("trust.asked", certificate=job.key, answers=len(learnt.found), trouble=learnt.trouble)
        return Again(now + (self._every if learnt.trouble is None else self._every / _SOONER))

    async def look(self, leaf: bytes, now: datetime) -> _Learnt:
        """Ask about a leaf and the intermediates of its chain; `trouble` says why one of them is still open."""
        try:
            certificate = certificates.read(leaf)
        except CertificateUnreadable:
            return _Learnt((), "unreadable")
        held = await self._book.held()
        chain = await asyncio.to_thread(held.authorities.chain, certificate, now)
        if chain is None:
            return _Learnt((), "no_chain")
        found: list[Answer] = []
        trouble = None
        for one, issuer in pairwise(chain.certificates):
            try:
                found.append(await self._ask(held, one, issuer, now))
            except (NotFetched, AnswerUnusable) as error:
                trouble = trouble or error.reason
        return _Learnt(tuple(found), trouble)

    async def _ask(self, held: Held, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Answer:
        """The first address whose answer settles it: OCSP, which is small and new, before lists."""
        failure: NotFetched | AnswerUnusable = NotFetched("no_address")
        for url in answers.ocsp_addresses(certificate)[:_MOST_ADDRESSES]:
            try:
                return await self._ask_responder(url, certificate, issuer, now)
            except (NotFetched, AnswerUnusable) as error:
                failure = error
        for url in answers.crl_addresses(certificate)[:_MOST_ADDRESSES]:
            try:
                return await self._ask_for_list(held, url, certificate, issuer, now)
            except (NotFetched, AnswerUnusable) as error:
                failure = error
        raise failure

    async def _ask_responder(
        self, url: str, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> Answer:
        data = await self._fetcher.ocsp(url, answers.ocsp_request(certificate, issuer))
        read = answers.read_ocsp(data, certificate, issuer)
        made = read.content.this_update_utc
        answers.not_from_the_future(made, now)
        answers.ocsp_says(read, certificate, now)
        sha256 = certificates.sha256(certificate)
        return Answer(kind=AnswerKind.OCSP, about=sha256, data=data, made_at=made, fetched_at=now)

    async def _ask_for_list(
        self, held: Held, url: str, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> Answer:
        """A list serves all certificates of its issuer: one that was fetched lately is not fetched again."""
        about = hashlib.sha256(url.encode()).hexdigest()
        kept = held.list_at(about)
        lately = kept is not None and abs(now - kept.fetched_at) < self._every / 2
        data = kept.data if kept is not None and lately else await self._fetcher.crl(url)
        read = await asyncio.to_thread(answers.read_crl, data, issuer)
        made = read.content.last_update_utc
        answers.not_from_the_future(made, now)
        answers.crl_says(read, certificate, now)
        if kept is not None and lately:
            return kept
        return Answer(kind=AnswerKind.CRL, about=about, data=data, made_at=made, fetched_at=now)
