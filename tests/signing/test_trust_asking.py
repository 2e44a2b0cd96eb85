"""Issuers are asked over real HTTP: only allowed hosts, bounded, and again later."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from authorities import NOW, Identity, issue, moment
from clocks import FakeClock
from cryptography.x509 import ocsp
from responder import Published, answer, crl, publishing

from gateway.jobs import Backoff, JobKind, Jobs, JobsSettings, Worker
from gateway.signing.keys.reasons import Fault
from gateway.signing.own_chain import OwnChain
from gateway.signing.settings import SigningSettings
from gateway.signing.trust import register, repository
from gateway.signing.trust.api import ChainJudgement
from gateway.signing.trust.asking import Asker
from gateway.signing.trust.book import REVOCATION_JOB, TrustBook
from gateway.signing.trust.fetching import Fetcher, FetchSettings, NotFetched
from gateway.signing.trust.records import Role
from gateway.store import Store, Transaction

ROOT = issue("root", authority=True)
MB = 1024 * 1024


def fetcher(*hosts: str, seconds: float = 10.0, most: int = MB, leads_to: Sequence[str] = ()) -> Fetcher:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return leads_to

    settings = FetchSettings(hosts=frozenset(hosts), seconds=seconds, most=most)
    return Fetcher(settings, resolve=resolve) if leads_to else Fetcher(settings)


@dataclass
class Node:
    """A worker that asks."""

    store: Store
    clock: FakeClock
    jobs: Jobs
    book: TrustBook
    hosts: tuple[str, ...] = ("127.0.0.1",)
    renewed: list[str] = field(default_factory=list)

    async def trust(self, *anchors: Identity, intermediates: Sequence[Identity] = ()) -> None:
        async with self.store.begin() as tx:
            for one in anchors:
                await register.put(tx, register.pinned(one.certificate, one.sha256, "", self.clock()))
            for one in intermediates:
                await register.put(tx, register.authority(one.certificate, Role.INTERMEDIATE, "", self.clock()))

    async def saw(self, leaf: Identity) -> None:
        async with self.store.begin() as tx:
            await self.book.saw(tx, leaf.der, self.clock())

    async def judged(self, leaf: Identity, at: datetime = NOW) -> ChainJudgement:
        return (await self.book.held()).judge(leaf.der, at)

    async def asks(self) -> int:
        """What is due is asked; how many jobs that were."""

        async def renewed(tx: Transaction, sha256: str, now: datetime) -> None:
            self.renewed.append(sha256)

        asker = Asker(
            store=self.store,
            jobs=self.jobs,
            book=self.book,
            fetcher=fetcher(*self.hosts, seconds=5.0),
            clock=self.clock,
            every=timedelta(hours=12),
            for_days=30,
            renewed=renewed,
        )
        policy = Backoff(first=1.0, factor=2.0, ceiling=60.0, horizon=600.0)
        kinds = [JobKind(name=REVOCATION_JOB, handler=asker.handle, policy=policy)]
        return await Worker(
            self.store, self.jobs, kinds, owner="node", clock=self.clock, settings=JobsSettings()
        ).run_once()


@pytest_asyncio.fixture
async def node(store: Store, clock: FakeClock) -> AsyncIterator[Node]:
    jobs = Jobs(clock)
    made = Node(store, clock, jobs, TrustBook(store, jobs, purposes=SigningSettings().allowed_purposes))
    await made.trust(ROOT)
    yield made


@pytest.fixture
def published() -> Iterator[Published]:
    with publishing() as server:
        yield server


def whys(judged: ChainJudgement) -> Sequence[str | None]:
    return [one.part for one in judged.reasons if one.code == "trust.revocation_not_determined"]


async def test_a_leaf_that_came_is_asked_about_by_its_own_addresses(node: Node, published: Published) -> None:
    leaf = issue("leaf", ROOT, ocsp=[published.url("/ocsp")], crl=[published.url("/crl")])
    published.gives = {"/ocsp": answer(leaf, ROOT), "/crl": crl(ROOT)}
    await node.saw(leaf)
    before = await node.judged(leaf)
    assert (before.trusted, before.revoked, whys(before)) == (True, None, ["not_asked"])
    assert await node.asks() == 1
    after = await node.judged(leaf)
    assert (after.trusted, after.revoked, after.revocation) == (True, False, (published.gives["/ocsp"],))
    assert node.renewed == [leaf.sha256]
    ((method, path, body),) = published.asked
    assert (method, path) == ("POST", "/ocsp")
    assert ocsp.load_der_ocsp_request(body).serial_number == leaf.certificate.serial_number


async def test_a_revoked_leaf_is_found_out_by_its_list_when_the_responder_is_away(
    node: Node, published: Published
) -> None:
    leaf = issue("leaf", ROOT, ocsp=[published.url("/ocsp")], crl=[published.url("/gone"), published.url("/crl")])
    published.gives = {"/ocsp": 503, "/crl": crl(ROOT, leaf)}
    await node.saw(leaf)
    await node.asks()
    judged = await node.judged(leaf)
    assert (judged.trusted, judged.revoked) == (False, True)
    assert [path for _, path, _ in published.asked] == ["/ocsp", "/gone", "/crl"]


async def test_intermediates_are_asked_about_too(node: Node, published: Published) -> None:
    sub = issue("sub", ROOT, authority=True, crl=[published.url("/root")])
    leaf = issue("leaf", sub, crl=[published.url("/sub")])
    await node.trust(intermediates=[sub])
    published.gives = {"/root": crl(ROOT, sub), "/sub": crl(sub)}
    await node.saw(leaf)
    await node.asks()
    assert (await node.judged(leaf)).revoked is True


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("forged", "forged"),
        ("stale", "stale"),
        ("future", "from_the_future"),
        ("garbage", "unreadable"),
        ("huge", "too_large"),
        (500, "http_status"),
        (302, "http_status"),
    ],
)
async def test_an_answer_that_cannot_be_believed_is_not_kept_and_named(
    node: Node, published: Published, given: str | int, why: str
) -> None:
    leaf = issue("leaf", ROOT, crl=[published.url("/crl")])
    bodies: dict[str | int, bytes] = {
        "forged": crl(ROOT, signer=leaf),
        "stale": crl(ROOT, made=moment(-9), until=moment(-2)),
        "future": crl(ROOT, made=moment(1)),
        "garbage": b"<html>",
        "huge": bytes(MB + 1),
    }
    published.gives = {"/crl": bodies.get(given, int(given) if isinstance(given, int) else 0), "/elsewhere": crl(ROOT)}
    await node.saw(leaf)
    await node.asks()
    judged = await node.judged(leaf)
    assert (judged.trusted, judged.revoked, whys(judged)) == (True, None, [why])
    async with node.store.read() as tx:
        assert await repository.answers(tx, {}) == ()


@pytest.mark.parametrize(
    "url",
    [
        "http://not-allowed.example/crl",
        "ldap://127.0.0.1/cn=ca",
        "file:///etc/passwd",
        "http://user@127.0.0.1/crl",
        "http://127.0.0.1:99999/crl",
        "http://[::1/crl",
        "http://127.0.0.1.evil.example/crl",
    ],
)
async def test_only_hosts_that_are_allowed_are_called(node: Node, url: str) -> None:
    leaf = issue("leaf", ROOT, crl=[url])
    await node.saw(leaf)
    await node.asks()
    assert whys(await node.judged(leaf)) == ["host_not_allowed"]


async def test_without_a_list_of_hosts_nobody_is_called(node: Node, published: Published) -> None:
    node.hosts = ()
    leaf = issue("leaf", ROOT, crl=[published.url("/crl")])
    published.gives = {"/crl": crl(ROOT)}
    await node.saw(leaf)
    await node.asks()
    assert (whys(await node.judged(leaf)), published.asked) == (["host_not_allowed"], [])


async def test_a_name_that_leads_to_a_forbidden_address_is_not_called() -> None:
    for address in ("169.254.169.254", "fe80::1", "0.0.0.0"):
        with pytest.raises(NotFetched, match="address_not_allowed"):
            await fetcher("ca.example", leads_to=[address]).crl("http://ca.example/crl")


async def test_a_name_is_connected_to_at_the_address_that_was_looked_at(published: Published) -> None:
    published.gives = {"/a.crl?x=1": b"list"}
    url = f"http://ca.example:{published.port}/a.crl?x=1"
    assert await fetcher("ca.example", leads_to=["127.0.0.1"]).crl(url) == b"list"


async def test_a_server_that_does_not_answer_is_given_up_and_one_that_is_not_there_named(
    published: Published,
) -> None:
    leave = threading.Event()

    def hangs() -> bytes:
        leave.wait(20)
        return b""

    published.gives = {"/hangs": hangs}
    try:
        with pytest.raises(NotFetched, match="timeout"):
            await fetcher("127.0.0.1", seconds=0.2).crl(published.url("/hangs"))
    finally:
        leave.set()
    with pytest.raises(NotFetched, match="unreachable"):
        await fetcher("127.0.0.1").crl("http://127.0.0.1:1/crl")


async def test_it_is_looked_at_again_later_and_sooner_after_a_failure(node: Node, published: Published) -> None:
    leaf = issue("leaf", ROOT, ocsp=[published.url("/ocsp")])
    await node.saw(leaf)
    await node.asks()
    assert whys(await node.judged(leaf)) == ["http_status"]
    assert await node.asks() == 0
    published.gives = {"/ocsp": answer(leaf, ROOT)}
    node.clock.advance(3601)
    assert await node.asks() == 1
    assert (await node.judged(leaf)).revoked is False
    node.clock.advance(3601)
    assert await node.asks() == 0
    revoked = answer(leaf, ROOT, ocsp.OCSPCertStatus.REVOKED, made=moment(0.5), since=moment(0.4))
    published.gives = {"/ocsp": revoked}
    node.clock.advance(12 * 3600)
    assert await node.asks() == 1
    assert (await node.judged(leaf, moment(0.5))).trusted is False
    at_receipt = await node.judged(leaf)
    assert (at_receipt.trusted, [one.code for one in at_receipt.reasons]) == (True, ["trust.revoked_later"])


async def test_an_older_answer_never_takes_the_place_of_a_newer_one(node: Node, published: Published) -> None:
    leaf = issue("leaf", ROOT, crl=[published.url("/crl")])
    published.gives = {"/crl": crl(ROOT, leaf, made=moment(-0.5))}
    await node.saw(leaf)
    await node.asks()
    published.gives = {"/crl": crl(ROOT, made=moment(-1))}
    node.clock.advance(13 * 3600)
    await node.asks()
    assert len(published.asked) == 2
    assert (await node.judged(leaf)).revoked is True


async def test_a_list_that_was_fetched_lately_serves_the_next_certificate(node: Node, published: Published) -> None:
    first, second = (
        issue("first", ROOT, crl=[published.url("/crl")]),
        issue("second", ROOT, crl=[published.url("/crl")]),
    )
    published.gives = {"/crl": crl(ROOT, second)}
    for leaf in (first, second):
        await node.saw(leaf)
        await node.asks()
    assert len(published.asked) == 1
    assert [(await node.judged(one)).revoked for one in (first, second)] == [False, True]


async def test_a_certificate_that_comes_no_more_is_asked_about_no_more(node: Node, published: Published) -> None:
    leaf = issue("leaf", ROOT, crl=[published.url("/crl")])
    await node.saw(leaf)
    await node.asks()
    node.clock.advance(31 * 86_400)
    await node.asks()
    node.clock.advance(86_400)
    assert await node.asks() == 0
    await node.saw(leaf)
    assert await node.asks() == 1


async def test_a_leaf_without_a_chain_calls_nobody(node: Node, published: Published) -> None:
    """Or anyone who makes a certificate could have us call an allowed host."""
    leaf = issue("leaf", issue("stranger", authority=True), crl=[published.url("/crl")])
    await node.saw(leaf)
    await node.asks()
    assert published.asked == []
    assert whys(await node.judged(leaf)) == ["no_chain"]


async def test_what_is_no_certificate_is_not_asked_about(node: Node) -> None:
    async with node.store.begin() as tx:
        await node.book.saw(tx, b"0\x82", NOW)
    assert await node.asks() == 0


async def test_a_new_intermediate_is_seen_at_once(node: Node) -> None:
    sub = issue("sub", ROOT, authority=True)
    leaf = issue("leaf", sub)
    assert (await node.judged(leaf)).trusted is False
    await node.trust(intermediates=[sub])
    assert (await node.judged(leaf)).trusted is True
    async with node.store.begin() as tx:
        await register.remove(tx, ROOT.sha256)
    assert (await node.judged(leaf)).trusted is None


async def test_our_own_certificates_are_judged_and_asked_about(node: Node, published: Published) -> None:
    sub = issue("sub", ROOT, authority=True, ends=timedelta(days=10))
    leaf = issue("leaf", sub, crl=[published.url("/crl")])
    await node.trust(intermediates=[sub])
    published.gives = {"/crl": crl(sub)}
    own = OwnChain(node.store, node.book)
    assert await own.fault(leaf.der, NOW) is None
    await node.asks()
    assert len(published.asked) == 1
    assert await own.fault(leaf.der, moment(11)) == Fault.CHAIN_EXPIRED
    assert await own.fault(issue("stranger").der, NOW) is None
    published.gives = {"/crl": crl(sub, leaf, made=moment(0.5))}
    node.clock.advance(13 * 3600)
    await node.asks()
    assert await own.fault(leaf.der, moment(0.6)) == Fault.REVOKED


async def test_two_askers_at_a_time_keep_one_answer(node: Node, published: Published) -> None:
    leaf = issue("leaf", ROOT, crl=[published.url("/crl")])
    published.gives = {"/crl": crl(ROOT)}
    await node.saw(leaf)
    assert sorted(await asyncio.gather(node.asks(), node.asks())) == [0, 1]
    async with node.store.read() as tx:
        assert len(await repository.answers(tx, {})) == 1
