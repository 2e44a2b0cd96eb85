"""The one place where parts are put together: settings in, a gateway out."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from secrets import token_bytes
from uuid import uuid4

from fastapi import FastAPI

from gateway import opening
from gateway.api import ApiParts, create_api, views
from gateway.api.clients import Clients
from gateway.api.meters import Meters
from gateway.axes import Axes
from gateway.desk.acting import Desk
from gateway.directory.refresh_job import Refresher, Shrank
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, unwatched
from gateway.documents.arriving import Arriver
from gateway.documents.dispatching import SETTLE_JOB, Dispatcher
from gateway.documents.lateness.watching import LATENESS_JOB, Lateness
from gateway.documents.outcomes import Patience
from gateway.documents.outgoing import Outgoing
from gateway.documents.polling import Poller
from gateway.documents.reception import Reception
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
from gateway.handover.webhooks.calling import Caller
from gateway.handover.webhooks.endpoints import FEED_JOB
from gateway.handover.webhooks.patience import Breaker as WebhookBreaker
from gateway.handover.webhooks.patience import LongSchedule
from gateway.handover.webhooks.telling import CALL_JOB, Webhooks
from gateway.health import MB, Health
from gateway.inspection import Inspector
from gateway.installation import BlobCheck, Hold, Nodes, Standing
from gateway.installation.nodes import BEAT_SECONDS
from gateway.installation.standing import marry_folder
from gateway.jobs import Again, Backoff, Breaker, Breakers, Claimed, Done, JobKind, Jobs, Outcome, Worker
from gateway.schedule import Schedule, Upkeep
from gateway.settings import Settings
from gateway.signing.keys.ring import Ring
from gateway.signing.profile import NONCE_BYTES
from gateway.signing.trust.asking import Asker
from gateway.signing.trust.book import REVOCATION_JOB, TrustBook
from gateway.signing.trust.fetching import Fetcher, FetchSettings
from gateway.signing.xmldsig.verifying import EnvelopedVerifier
from gateway.statuses.receiving import Receiver
from gateway.statuses.reporting import Reporter, status_packet_of
from gateway.store import Blobs, Store, Transaction, append_line, migrate
from gateway.times import Clock

_ASKED_AT_A_TIME = 2
"""Certificates whose issuers are asked at a time: slots are for documents."""

Handler = Callable[[Claimed], Awaitable[Outcome]]
Exhausted = Callable[[Claimed, str], Awaitable[None]]


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
    store, blobs = opening.open_store(settings), opening.open_blobs(settings)
    try:
        await migrate.check(store)
        await marry_folder(store, blobs, opening.clock())
        built = _put_together(settings, store, blobs, passed, opening.clock)
        try:
            yield built
        finally:
            await built.axes.close()
            await built.caller.close()
            await built.ring.close()
    finally:
        await store.close()


def _put_together(settings: Settings, store: Store, blobs: Blobs, passed: Passed, clock: Clock) -> Gateway:
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    meters, bell, jobs = Meters(), Bell(), Jobs(clock)
    axes = Axes(meters, clock)
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
    trust = opening.trust_for(settings, store, jobs)
    ring = opening.ring_for(settings, store, trust, clock=clock)
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
        reception=Reception(
            store=store,
            blobs=blobs,
            jobs=jobs,
            receive_status=Receiver(announce).receive,
            inspector=inspector,
            examiner=examiner,
            announce=announce,
            clock=clock,
            limits=settings.limits,
        ),
        announce=announce,
        breakers=breakers,
        stops=stops,
        patience=patience,
        clock=clock,
        settings=settings.documents,
        passed=passed,
    )
    refresher = Refresher(
        store=store,
        axis_of=axes.of,
        shrank=_directory_alarm(announce),
        clock=clock,
        hours=settings.serve.directory_hours,
    )
    caller = opening.caller_for(settings, clock=clock)
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
        return JobKind(name=name, handler=_measured(meters, clock, handle), policy=patient, exhausted=exhausted)

    worker = Worker(
        store,
        jobs,
        _held_after_restore(
            Hold(store, clock),
            timedelta(seconds=settings.documents.held_seconds),
            clock,
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


def _held_after_restore(hold: Hold, pause: timedelta, clock: Clock, *kinds: JobKind) -> list[JobKind]:
    """The kinds, each waiting as long as a restore holds it back."""

    def waiting(handle: Handler) -> Handler:
        async def run(job: Claimed) -> Outcome:
            if await hold.holds(job.kind, job.key):
                return Again(clock() + pause)
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


def _measured(meters: Meters, clock: Clock, handle: Handler) -> Handler:
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
