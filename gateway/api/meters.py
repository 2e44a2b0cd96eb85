"""Figures for Prometheus: what is counted as it happens, and what is looked up when somebody asks."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.axis.port import Exchange

_HTTP_SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300)
_AXIS_SECONDS = (0.05, 0.2, 0.5, 1, 2, 5, 15, 60, 300)
_TRIP_SECONDS = (1, 5, 15, 60, 300, 1800, 7200, 28800, 86400)
_ATTEMPTS = (1, 2, 3, 5, 8, 13, 21)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the database says at this moment. Ages in seconds; None where nothing waits."""

    documents: tuple[tuple[str, str, int], ...] = ()
    """(direction, state, count)."""
    dispatches: tuple[tuple[str, str, int], ...] = ()
    """(message type, state, count)."""
    arrivals: tuple[tuple[str, str, int], ...] = ()
    """(message type, state, count)."""
    oldest_unsent: float | None = None
    oldest_unhanded: float | None = None
    oldest_unacknowledged: float | None = None
    poll_ages: tuple[tuple[str, float], ...] = ()
    """(connection, seconds since its last complete poll)."""
    breakers_open: tuple[tuple[str, str, int], ...] = ()
    """(connection, way, how many)."""
    stopped: tuple[tuple[str, bool], ...] = ()
    """(connection, whether it is stopped)."""
    jobs: tuple[tuple[str, str, int], ...] = field(default=())
    """(kind, state, count)."""
    disk_free_bytes: int | None = None
    keys: tuple[tuple[str, bool], ...] = ()
    """(signing key, whether it can sign)."""
    key_days: tuple[tuple[str, int], ...] = ()
    """(signing key, days until its certificate ends)."""
    commits: int = 0
    """Write transactions of this process."""


class Meters:
    """Counters and histograms of this process, with a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "gateway_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._request_seconds = Histogram(
            "gateway_http_request_seconds",
            "Time to answer a request (seconds).",
            ("method", "route"),
            buckets=_HTTP_SECONDS,
            registry=self.registry,
        )
        self._axis_calls = Counter(
            "gateway_axis_calls",
            "Calls to the axis by their outcome.",
            ("operation", "outcome"),
            registry=self.registry,
        )
        self._axis_seconds = Histogram(
            "gateway_axis_call_seconds",
            "Time of a call to the axis (seconds).",
            ("operation",),
            buckets=_AXIS_SECONDS,
            registry=self.registry,
        )
        self._attempts = Histogram(
            "gateway_attempts",
            "Attempts that a piece of work took until its end.",
            ("kind", "outcome"),
            buckets=_ATTEMPTS,
            registry=self.registry,
        )
        self._trip_seconds = Histogram(
            "gateway_trip_seconds",
            "Time from beginning to end of a trip (seconds): out, in, status.",
            ("trip",),
            buckets=_TRIP_SECONDS,
            registry=self.registry,
        )
        self._late = Counter(
            "gateway_not_handed_over_same_day",
            "Documents that were not handed over at the cut-off of a day.",
            registry=self.registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered; `route` is the template, never the path."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def exchange(self, exchange: Exchange) -> None:
        """One call to an axis has ended."""
        self._axis_calls.labels(exchange.operation, _outcome(exchange)).inc()
        self._axis_seconds.labels(exchange.operation).observe(exchange.seconds)

    def work(self, kind: str, outcome: str, attempts: int) -> None:
        """A job has come to its end."""
        self._attempts.labels(kind, outcome).observe(attempts)

    def trip(self, trip: str, seconds: float) -> None:
        """A document or a status has arrived where it was going."""
        self._trip_seconds.labels(trip).observe(seconds)

    def late(self, documents: int) -> None:
        """So many documents were not handed over at the cut-off of the day."""
        self._late.inc(documents)

    def exposition(self, figures: Figures) -> bytes:
        """Everything, in Prometheus's text format 0.0.4."""
        looked_up = CollectorRegistry()
        looked_up.register(_Snapshot(figures))
        return generate_latest(self.registry) + generate_latest(looked_up)


class _Snapshot(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        figures = self._figures
        yield _counted(
            "gateway_documents", "Documents by direction and outcome.", ("direction", "state"), figures.documents
        )
        yield _counted("gateway_dispatches", "Dispatches by state.", ("type", "state"), figures.dispatches)
        yield _counted("gateway_arrivals", "Arrivals by state.", ("type", "state"), figures.arrivals)
        yield _counted("gateway_jobs", "Jobs by kind and state.", ("kind", "state"), figures.jobs)
        yield _age("gateway_oldest_unsent_seconds", "Age of the oldest dispatch not sent.", figures.oldest_unsent)
        yield _age(
            "gateway_oldest_unhanded_seconds", "Age of the oldest document not handed over.", figures.oldest_unhanded
        )
        yield _age(
            "gateway_oldest_unacknowledged_seconds",
            "Age of the oldest arrival the axis was not told of.",
            figures.oldest_unacknowledged,
        )
        polls = GaugeMetricFamily(
            "gateway_poll_age_seconds", "Time since the last complete poll.", labels=("connection",)
        )
        for connection, seconds in figures.poll_ages:
            polls.add_metric((connection,), seconds)
        yield polls
        yield _counted("gateway_breakers_open", "Breakers that are open.", ("connection", "way"), figures.breakers_open)
        stopped = GaugeMetricFamily("gateway_connection_stopped", "1 while it is not used.", labels=("connection",))
        for connection, is_stopped in figures.stopped:
            stopped.add_metric((connection,), float(is_stopped))
        yield stopped
        usable = GaugeMetricFamily("gateway_signing_key_usable", "1 for a key that can sign.", labels=("key",))
        for key, can_sign in figures.keys:
            usable.add_metric((key,), float(can_sign))
        yield usable
        days = GaugeMetricFamily(
            "gateway_signing_key_days_left", "Days until the certificate of a key ends.", labels=("key",)
        )
        for key, left in figures.key_days:
            days.add_metric((key,), left)
        yield days
        if figures.disk_free_bytes is not None:
            yield GaugeMetricFamily("gateway_disk_free_bytes", "Left for blobs.", value=figures.disk_free_bytes)
        yield CounterMetricFamily(
            "gateway_database_commits", "Write transactions committed by this process.", value=figures.commits
        )


def _counted(
    name: str, text: str, labels: tuple[str, str], rows: tuple[tuple[str, str, int], ...]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for first, second, count in rows:
        family.add_metric((first, second), count)
    return family


def _age(name: str, text: str, seconds: float | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, f"{text} Seconds; 0 when none waits.", value=seconds or 0.0)


def _outcome(exchange: Exchange) -> str:
    if exchange.http_status is None:
        return "no_answer"
    if exchange.http_status >= 400:
        return f"http_{exchange.http_status}"
    return "ok" if exchange.error_code in (None, "", "0") else "error"
