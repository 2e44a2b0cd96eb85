"""The one place where parts are put together: settings in, a gateway out."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from secrets import token_bytes
from uuid import uuid4

import structlog
import uvicorn
from fastapi import FastAPI

from gateway.api import ApiParts, create_api, views
from gateway.api.clients import Clients
from gateway.api.logging import configure
from gateway.api.meters import Meters
from gateway.axis.places import Places
from gateway.axis.port import Axis, Exchange
from gateway.axis.settings import VxpSettings
from gateway.axis.vxp.client import VxpClient
from gateway.desk.acting import Desk
from gateway.directory.records import Connection
from gateway.directory.refresh_job import Refresher, Shrank
from gateway.directory.secret_sources import SecretFile, secret_source
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, unwatched
from gateway.documents.arriving import Arriver
from gateway.documents.dispatching import SETTLE_JOB, Dispatcher
from gateway.documents.lateness.watching import LATENESS_JOB, Lateness
from gateway.documents.outcomes import Patience
from gateway.documents.outgoing import Outgoing
from gateway.documents.polling import Poller
from gateway.documents.settling.settler import Settler
from gateway.documents.signatures.examining import Examiner
from gateway.documents.signatures.writing import PacketWriter
from gateway.documents.stops import Stops
from gateway.documents.traffic import Traffic
from gateway.evidence.chaining import CHAIN_JOB, Chainer
from gateway.evidence.recording import Recorder
from gateway.handover.claims import Claims
from gateway.handover.day_end import DAY_END_JOB, DayEnds
from gateway.handover.feed import Bell, Feed
from gateway.handover.inbox import Inbox
from gateway.handover.notices.claiming import Notices
from gateway.handover.webhooks.calling import Caller, CallSettings
from gateway.handover.webhooks.endpoints import FEED_JOB
from gateway.handover.webhooks.patience import Breaker as WebhookBreaker
from gateway.handover.webhooks.patience import LongSchedule
from gateway.handover.webhooks.telling import CALL_JOB, Webhooks
from gateway.health import MB, Health
from gateway.inspection import Inspector
from gateway.installation import BlobCheck, Hold, Nodes, Standing
from gateway.installation.nodes import BEAT_SECONDS
from gateway.installation.standing import marry_folder
from gateway.jobs import Again, Backoff, Breaker, Breakers, Claimed, Done, JobKind, Jobs, Lane, Outcome, Worker
from gateway.problems import Kind, Problem, Text
from gateway.schedule import Schedule, Upkeep
from gateway.settings import Settings
from gateway.signing.keys.ring import Ring
from gateway.signing.own_chain import OwnChain
from gateway.signing.profile import NONCE_BYTES
from gateway.signing.trust.asking import Asker
from gateway.signing.trust.book import REVOCATION_JOB, TrustBook
from gateway.signing.trust.fetching import Fetcher, FetchSettings
from gateway.signing.xmldsig.verifying import EnvelopedVerifier
from gateway.statuses.receiving import Receiver
from gateway.statuses.reporting import Reporter, status_packet_of
from gateway.store import Blobs, DatabaseUnavailable, FolderBlobs, Store, Transaction, append_line, migrate

_log = structlog.get_logger(__name__)

_LONGEST_USE = timedelta(hours=1)
"""No exchange with an axis lasts longer."""

_ASKED_AT_A_TIME = 2
"""Certificates whose issuers are asked at a time: slots are for documents."""

_LARGEST_KEY_FILE = 256 * 1024
"""Bytes. A PKCS#12 file with a long chain has 20 kB."""

Handler = Callable[[Claimed], Awaitable[Outcome]]
Exhausted = Callable[[Claimed, str], Awaitable[None]]


def clock() -> datetime:
    """The present."""
    return datetime.now(UTC)


def open_store(settings: Settings) -> Store:
    """The database of these settings."""
    return Store(settings.store)


def open_blobs(settings: Settings) -> Blobs:
    """The blobs of these settings."""
    return FolderBlobs(settings.store.blob_folder)


def read_secret(source: str) -> str:
    """The secret that `file:/path` or `env:NAME` names. Raises Problem `connection.secret`, never quoting it."""
    parsed = secret_source(source)
    try:
        found = (
            Path(parsed.path).read_text(encoding="utf-8") if isinstance(parsed, SecretFile) else os.environ[parsed.name]
        )
    except (OSError, KeyError, UnicodeDecodeError):
        found = ""
    if secret := found.strip():
        return secret
    raise Problem(
        "connection.secret",
        Kind.UNAVAILABLE,
        Text(f"Không đọc được khóa bí mật từ {source}.", f"The secret could not be read from {source}."),
        Text("Kiểm tra tệp (quyền đọc) hoặc biến môi trường.", "Check the file (and its rights), or the variable."),
    )


def read_key_file(source: str) -> bytes:
    """The bytes of a key or certificate that `file:/path` or `env:NAME` names. Raises Problem `key.source`."""
    parsed = secret_source(source)
    try:
        if isinstance(parsed, SecretFile):
            with Path(parsed.path).open("rb") as file:
                found = file.read(_LARGEST_KEY_FILE + 1)
        else:
            found = os.environ[parsed.name].encode()
    except (OSError, KeyError):
        found = b""
    if 0 < len(found) <= _LARGEST_KEY_FILE:
        return found
    raise Problem(
        "key.source",
        Kind.UNAVAILABLE,
        Text(f"Không đọc được khóa hoặc chứng thư từ {source}.", f"No key or certificate could be read from {source}."),
        Text("Kiểm tra tệp (quyền đọc) hoặc biến môi trường.", "Check the file (and its rights), or the variable."),
    )


def axis_for(
    connection: Connection,
    secret: str,
    *,
    on_exchange: Callable[[Exchange], None] | None = None,
    places: Places | None = None,
) -> Axis:
    """The adapter of a connection; `places` are those that its users share. Raises Problem for options that no adapter knows."""
    known = {field.name for field in fields(VxpSettings)}
    options = {name: value for name, value in connection.options.items() if name in known}
    settings = VxpSettings(
        endpoint=connection.endpoint,
        allow_plain_http=connection.allow_plain_http,
        ca_file=Path(connection.ca_file) if connection.ca_file else None,
        max_connections=connection.max_connections,
        **options,  # type: ignore[arg-type]  # JSON values; VxpSettings checks their ranges
    )
    return VxpClient(
        settings, system_id=connection.system_id, secret=secret, clock=clock, on_exchange=on_exchange, places=places
    )


def caller_for(settings: Settings) -> Caller:
    """What calls webhooks."""
    wanted = CallSettings(hosts=settings.handover.allowed_hosts, seconds=settings.handover.webhook_seconds)
    return Caller(wanted, read_secret=read_secret, clock=clock)


def trust_for(settings: Settings, store: Store, jobs: Jobs) -> TrustBook:
    """Who is trusted."""
    return TrustBook(store, jobs, purposes=settings.signing.allowed_purposes)


def ring_for(
    settings: Settings, store: Store, trust: TrustBook, *, again: bool = False, looks_only: bool = False
) -> Ring:
    """The keys that sign, looked at with the trust that is held; `again` as in Ring, `looks_only` has nobody asked."""
    return Ring(
        store=store,
        read_secret=read_secret,
        read_bytes=read_key_file,
        clock=clock,
        settings=settings.signing,
        chain_fault=OwnChain(store, trust, asks=not looks_only).fault,
        again=again,
    )


class Axes:
    """The adapters in use, one for each connection as it is now configured."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._since = clock()
        self._places: dict[str, Places] = {}
        self._secrets: dict[str, str] = {}
        self._made: dict[str, tuple[datetime, Axis]] = {}
        self._retired: list[tuple[datetime, Axis]] = []
        self._skews: dict[str, float] = {}
        self._making = asyncio.Lock()

    async def of(self, connection: Connection) -> Axis:
        """The adapter; a changed connection gets a new one, which reads its secret anew."""
        async with self._making:
            made = self._made.get(connection.id)
            if made is not None and made[0] == connection.changed_at:
                return made[1]
            secret = await asyncio.to_thread(read_secret, connection.secret_source)
            places = self._places.setdefault(connection.id, Places(connection.max_connections))
            axis = axis_for(connection, secret, on_exchange=partial(self._note, connection.id), places=places)
            self._secrets[connection.id] = secret
            self._made[connection.id] = (connection.changed_at, axis)
            if made is not None:
                await self._retire(made[1])
            return axis

    async def secret_changed(self, connection: Connection) -> bool:
        """Whether its secret is another than this process used last.

        One that this process never used counts as changed when the connection stood as it stands before we started:
        to change a secret and start anew is what an operator does.
        """
        try:
            secret = await asyncio.to_thread(read_secret, connection.secret_source)
        except Problem:
            return False
        used = self._secrets.get(connection.id)
        self._secrets[connection.id] = secret
        if used is not None:
            return used != secret
        return connection.changed_at <= self._since

    def resize(self, connection_id: str, places: int) -> None:
        """Give a connection so many places in this process."""
        known = self._places.get(connection_id)
        if known is None:
            self._places[connection_id] = Places(places)
        elif known.count != places:
            known.resize(places)

    def skew_of(self, connection_id: str) -> float | None:
        """Our clock minus the axis's by its last answer (seconds)."""
        return self._skews.get(connection_id)

    async def close(self) -> None:
        """Close all."""
        for _, axis in [*self._made.values(), *self._retired]:
            await axis.close()

    def _note(self, connection_id: str, exchange: Exchange) -> None:
        self._meters.exchange(exchange)
        if exchange.axis_date is not None:
            self._skews[connection_id] = (clock() - exchange.axis_date).total_seconds()

    async def _retire(self, axis: Axis) -> None:
        """An adapter may be in the middle of a send, which closing it would make unknown: it is closed later."""
        now = clock()
        over = [one for since, one in self._retired if now - since > _LONGEST_USE]
        self._retired = [(since, one) for since, one in self._retired if now - since <= _LONGEST_USE]
        self._retired.append((now, axis))
        for one in over:
            await one.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway put together."""

    settings: Settings
    store: Store
    blobs: Blobs
    jobs: Jobs
    worker: Worker
    nodes: Nodes
    standing: Standing
    api: FastAPI
    axes: Axes
    caller: Caller
    webhooks: Webhooks
    ring: Ring
    trust: TrustBook


@asynccontextmanager
async def gateway(settings: Settings, *, passed: Passed = unwatched) -> AsyncIterator[Gateway]:
    """A gateway with an open database of the right version; closed at the end. Raises Problem."""
    store, blobs = open_store(settings), open_blobs(settings)
    try:
        await migrate.check(store)
        await marry_folder(store, blobs, clock())
        built = _put_together(settings, store, blobs, passed)
        try:
            yield built
        finally:
            await built.axes.close()
            await built.caller.close()
            await built.ring.close()
    finally:
        await store.close()


def _put_together(settings: Settings, store: Store, blobs: Blobs, passed: Passed) -> Gateway:
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    meters, bell, jobs = Meters(), Bell(), Jobs(clock)
    axes = Axes(meters)
    feed = Feed(store, bell, look_seconds=settings.handover.look_seconds)
    announce = Recorder(feed.announce).announce
    reporter = Reporter(jobs, announce, clock)
    outgoing = Outgoing(jobs, announce, clock, settings.documents, passed)
    inbox = Inbox(
        store=store,
        reporter=reporter,
        announce=announce,
        bell=bell,
        clock=clock,
        settings=settings.handover,
        passed=passed,
    )
    breakers = Breakers(store, clock, _breaker_policies(settings), owner=owner, probe_seconds=settings.jobs.lease)
    stops = Stops(
        store=store,
        jobs=jobs,
        breakers=breakers,
        announce=announce,
        secret_changed=axes.secret_changed,
        clock=clock,
    )
    horizon = settings.documents.send_horizon_hours * 3600.0
    patient = Backoff(first=settings.documents.retry_first_seconds, factor=2.0, ceiling=600.0, horizon=horizon)
    patience = Patience(
        timing=patient,
        ambiguous_repeats=settings.documents.ambiguous_repeats,
        unknown_repeats=settings.documents.status_repeats,
    )
    trust = trust_for(settings, store, jobs)
    ring = ring_for(settings, store, trust)
    examiner = Examiner(
        store=store,
        blobs=blobs,
        trust=trust,
        enveloped=EnvelopedVerifier(settings.xmldsig),
        announce=announce,
        clock=clock,
    )
    writer = PacketWriter(
        blobs=blobs,
        keys=ring,
        nonce=partial(token_bytes, NONCE_BYTES),
        clock=clock,
        unsigned_without_key=settings.signing.unsigned_without_key,
        most_enveloped_bytes=settings.xmldsig.packet_mb * MB,
    )
    asker = Asker(
        store=store,
        jobs=jobs,
        book=trust,
        fetcher=Fetcher(
            FetchSettings(
                hosts=settings.signing.allowed_hosts,
                seconds=settings.signing.revocation_seconds,
                most=settings.signing.revocation_bytes,
            )
        ),
        clock=clock,
        every=timedelta(hours=settings.signing.revocation_hours),
        for_days=settings.signing.revocation_days,
        renewed=examiner.learnt,
    )
    dispatcher = Dispatcher(
        store=store,
        blobs=blobs,
        jobs=jobs,
        axis_of=axes.of,
        status_packet_of=status_packet_of,
        writer=writer,
        announce=announce,
        breakers=breakers,
        stops=stops,
        patience=patience,
        clock=clock,
        settings=settings.documents,
        passed=passed,
    )
    settler = Settler(
        store=store, jobs=jobs, axis_of=axes.of, announce=announce, clock=clock, settings=settings.documents
    )
    poller = Poller(
        store=store,
        jobs=jobs,
        axis_of=axes.of,
        stops=stops,
        skew_of=axes.skew_of,
        clock=clock,
        settings=settings.documents,
    )
    inspector = Inspector(settings.inspection)
    arriver = Arriver(
        store=store,
        blobs=blobs,
        jobs=jobs,
        axis_of=axes.of,
        receive_status=Receiver(announce).receive,
        inspector=inspector,
        examiner=examiner,
        announce=announce,
        breakers=breakers,
        stops=stops,
        patience=patience,
        clock=clock,
        settings=settings.documents,
        limits=settings.limits,
        passed=passed,
    )
    refresher = Refresher(
        store=store,
        axis_of=axes.of,
        shrank=_directory_alarm(announce),
        clock=clock,
        hours=settings.serve.directory_hours,
    )
    caller = caller_for(settings)
    webhooks = Webhooks(
        store=store,
        jobs=jobs,
        inbox=inbox,
        announce=announce,
        bell=bell,
        caller=caller,
        breaker=WebhookBreaker(
            steps=settings.handover.retry_steps, pause_after=timedelta(hours=settings.handover.webhook_pause_hours)
        ),
        href=views.href,
        clock=clock,
        call_seconds=settings.handover.webhook_seconds,
        look_seconds=settings.handover.look_seconds,
        passed=passed,
    )
    nodes = Nodes(
        store,
        clock,
        owner=owner,
        host=socket.gethostname(),
        version=version("lienthong-gateway"),
        schema=migrate.head() or "",
        tolerance=timedelta(seconds=settings.serve.clock_skew_seconds),
        beat=min(BEAT_SECONDS, settings.jobs.beat),
    )
    standing = Standing(store=store, blobs=blobs, nodes=nodes, clock=clock)
    blob_check = BlobCheck(
        store=store,
        blobs=blobs,
        jobs=jobs,
        announce=announce,
        clock=clock,
        slice_bytes=settings.serve.blob_check_mb * MB,
    )
    day_ends = DayEnds(
        store=store,
        jobs=jobs,
        reporter=reporter,
        announce=announce,
        clock=clock,
        day=settings.handover.day_end,
        late=meters.late,
    )
    heads = settings.evidence.heads_file
    chainer = Chainer(
        store=store,
        jobs=jobs,
        clock=clock,
        seconds=settings.evidence.chain_seconds,
        append=partial(append_line, heads) if heads else None,
        passed=passed,
    )
    schedule = Schedule(store=store, jobs=jobs, clock=clock)
    upkeep = Upkeep(store=store, blobs=blobs, jobs=jobs, clock=clock, idempotency_days=settings.api.idempotency_days)
    traffic = Traffic(
        store=store,
        breakers=breakers,
        stops=stops,
        place_among_nodes=nodes.place,
        resize=axes.resize,
        clock=clock,
        secrets_every=timedelta(seconds=settings.documents.held_seconds / 6),
    )
    lateness = Lateness(
        store=store,
        jobs=jobs,
        breakers=breakers,
        announce=announce,
        clock=clock,
        settings=settings.documents,
    )

    def measured(name: str, handle: Handler, exhausted: Exhausted | None = None) -> JobKind:
        return JobKind(name=name, handler=_measured(meters, handle), policy=patient, exhausted=exhausted)

    worker = Worker(
        store,
        jobs,
        _held_after_restore(
            Hold(store, clock),
            settings.documents.held_seconds,
            measured("dispatch", dispatcher.handle, dispatcher.exhausted),
            measured(SETTLE_JOB, settler.handle),
            measured("arrival", arriver.handle, arriver.exhausted),
            measured("poll", poller.handle),
            measured("directory", refresher.handle),
            measured(LATENESS_JOB, lateness.handle),
            measured("schedule", schedule.handle),
            measured("upkeep", upkeep.handle),
            measured("blob_check", blob_check.handle),
            measured(DAY_END_JOB, day_ends.handle),
            measured(CHAIN_JOB, chainer.handle),
            replace(measured(REVOCATION_JOB, asker.handle), concurrency=_ASKED_AT_A_TIME),
            JobKind(name=FEED_JOB, handler=webhooks.give_out, policy=patient),
            JobKind(
                name=CALL_JOB,
                handler=webhooks.call,
                policy=LongSchedule(settings.handover.retry_steps),
                exhausted=webhooks.given_up,
                concurrency=settings.handover.webhook_calls,
            ),
        ),
        owner=owner,
        clock=clock,
        settings=settings.jobs,
        standing_still=standing.still,
        shares_of=traffic.shares,
    )
    health = Health(
        store=store,
        blobs=blobs,
        jobs=jobs,
        nodes=nodes,
        standing=standing,
        breakers=breakers,
        keys=ring.standings,
        clock=clock,
        settings=settings.serve,
    )
    api = create_api(
        ApiParts(
            store=store,
            blobs=blobs,
            clients=Clients(store, clock, settings.api),
            outgoing=outgoing,
            inspector=inspector,
            reporter=reporter,
            inbox=inbox,
            claims=Claims(inbox, Notices(store=store, clock=clock, settings=settings.handover)),
            feed=feed,
            jobs=jobs,
            desk=Desk(store=store, jobs=jobs, announce=announce, clock=clock),
            caller=caller,
            meters=meters,
            checks=health.checks,
            figures=health.figures,
            busy=health.busy,
            clock=clock,
            settings=settings.api,
            limits=settings.limits,
        )
    )
    return Gateway(
        settings=settings,
        store=store,
        blobs=blobs,
        jobs=jobs,
        worker=worker,
        nodes=nodes,
        standing=standing,
        api=api,
        axes=axes,
        caller=caller,
        webhooks=webhooks,
        ring=ring,
        trust=trust,
    )


async def serve(
    settings: Settings, *, host: str | None = None, port: int | None = None, passed: Passed = unwatched
) -> None:
    """API and worker in one process, until SIGTERM or SIGINT. Prints one line when it is ready."""
    configure(settings.serve.log_level.upper())
    async with gateway(settings, passed=passed) as built:
        stop = asyncio.Event()
        server = _Server(
            uvicorn.Config(
                built.api,
                host=host or settings.serve.host,
                port=settings.serve.port if port is None else port,
                http="h11",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=20,
            )
        )
        _on_signals(server.leave)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work_until(built, stop))
            await server.serve()
            stop.set()


async def work(settings: Settings, *, passed: Passed = unwatched) -> None:
    """A worker alone, until SIGTERM or SIGINT."""
    configure(settings.serve.log_level.upper())
    async with gateway(settings, passed=passed) as built:
        stop = asyncio.Event()
        _on_signals(stop.set)
        await work_until(built, stop)


async def work_until(built: Gateway, stop: asyncio.Event) -> None:
    """Run jobs, the schedule's first of all, until `stop` is set; a database that is away is waited for."""
    while not stop.is_set() and not await _scheduled(built):
        with suppress(TimeoutError):
            async with asyncio.timeout(built.settings.jobs.idle):
                await stop.wait()
    watching = asyncio.create_task(built.webhooks.watch())
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(built.nodes.run(stop))
            await built.worker.run(stop)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _scheduled(built: Gateway) -> bool:
    try:
        async with built.store.begin() as tx:
            await built.jobs.put(tx, kind="schedule", key="all", lane=Lane.SECOND)
    except DatabaseUnavailable as error:
        _log.warning("schedule.database_unavailable", code=error.code, do=error.action.en)
        return False
    return True


def _held_after_restore(hold: Hold, seconds: int, *kinds: JobKind) -> list[JobKind]:
    """The kinds, each waiting as long as a restore holds it back."""

    def waiting(handle: Handler) -> Handler:
        async def run(job: Claimed) -> Outcome:
            if await hold.holds(job.kind, job.key):
                return Again(clock() + timedelta(seconds=seconds))
            return await handle(job)

        return run

    return [replace(kind, handler=waiting(kind.handler)) for kind in kinds]


def _breaker_policies(settings: Settings) -> dict[str, Breaker]:
    """Both ways of a line are left alone alike; a sender that the axis does not know is tried now and then."""
    line = Breaker(
        failures=settings.documents.breaker_failures,
        first=settings.documents.breaker_first_seconds,
        ceiling=300.0,
        unseen=3600.0,
    )
    first = min(2.0 * settings.documents.held_seconds, 900.0)
    return {"out": line, "in": line, "from": Breaker(failures=1, first=first, ceiling=900.0, unseen=900.0)}


def _measured(meters: Meters, handle: Handler) -> Handler:
    """The handler, with what came of each run counted, and how long what it finished had been under way."""

    async def run(job: Claimed) -> Outcome:
        outcome = await handle(job)
        meters.work(job.kind, type(outcome).__name__.lower(), job.attempt)
        if isinstance(outcome, Done):
            meters.trip(job.kind, (clock() - job.created_at).total_seconds())
        return outcome

    return run


def _directory_alarm(announce: Announce) -> Shrank:
    async def shrank(tx: Transaction, connection_id: str, now: datetime) -> None:
        data = {"connection": connection_id}
        await announce(tx, Announcement(kind=Happening.ALARM_DIRECTORY, at=now, data=data))

    return shrank


def _on_signals(call: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, call)


class _Server(uvicorn.Server):
    """Says where it listens once it does, and leaves signals to us: uvicorn would die of them before the worker is done."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def leave(self) -> None:
        """Stop: finish what is being answered; a second time, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for one in server.sockets:
                host, port = one.getsockname()[:2]
                sys.stderr.write(f"gateway ready on http://{host}:{port}\n")
                sys.stderr.flush()
