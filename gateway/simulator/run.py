"""Starts a simulated axis: parts put together, one HTTP server, one line when it is ready."""

import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from gateway.axis.vxp.server import ServerLimits, axis_app
from gateway.edxml.limits import Limits
from gateway.simulator.axis import SimulatedAxis
from gateway.simulator.checking import SimulatedRules
from gateway.simulator.control import with_control
from gateway.simulator.door import Door
from gateway.simulator.faults import FaultSet
from gateway.simulator.readings import readings_of
from gateway.simulator.registry import Registry
from gateway.simulator.rewriting import PacketRewriter
from gateway.simulator.serving import Server, listening
from gateway.simulator.settings import SimulatorSettings, SystemSpec
from gateway.store import FolderBlobs
from gateway.times import Clock


@dataclass(frozen=True, slots=True)
class Simulator:
    """A simulated axis and its application. Its state may be looked at from the server's own loop only."""

    axis: SimulatedAxis
    app: ASGIApp
    settings: SimulatorSettings


def simulator(
    systems: Sequence[SystemSpec],
    faults: Sequence[str],
    folder: Path,
    clock: Clock,
    *,
    seed: int | None = None,
    settings: SimulatorSettings | None = None,
    readings: Sequence[str] = (),
) -> Simulator:
    """Put a simulated axis together; packets lie in `folder`. Raises Problem for what is declared wrongly."""
    settings = settings or SimulatorSettings()
    blobs = FolderBlobs(folder)
    registry = Registry.of(systems, clock())
    fault_set = FaultSet(faults, seed, readings_of(readings))
    rewriter = PacketRewriter(
        blobs=blobs,
        centre=settings.centre,
        hop_delay=settings.hop_delay,
        limits=Limits(packet_bytes=settings.packet_bytes),
        old_code=registry.old_code,
    )
    axis = SimulatedAxis(registry, blobs, rewriter, fault_set, clock, seed=seed)
    limits = ServerLimits(header_bytes=settings.header_bytes, packet_bytes=settings.packet_bytes)
    rules = SimulatedRules(fault_set, clock)
    protocol = axis_app(axis, secrets=registry.secret, clock=clock, limits=limits, rules=rules)
    return Simulator(axis, with_control(Door(protocol, fault_set), axis), settings)


def run(
    port: int,
    systems: Sequence[SystemSpec],
    faults: Sequence[str],
    *,
    clock: Clock,
    host: str = "127.0.0.1",
    seed: int | None = None,
    readings: Sequence[str] = (),
) -> None:
    """Serve until SIGINT or SIGTERM comes, from the main thread. Port 0 takes a free one. Prints `axis-sim ready on http://HOST:PORT`.

    Raises Problem for what is declared wrongly, and `simulator.port` when the port cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="axis-sim-") as folder:
        parts = simulator(systems, faults, Path(folder), clock, seed=seed, readings=readings)
        with listening(host, port) as listener:
            address = f"http://{host}:{listener.getsockname()[1]}"
            ready = partial(_say, f"axis-sim ready on {address}")
            with _stopped_by_signals():
                Server(parts.app, parts.settings.header_bytes, ready).run(sockets=[listener])


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the block. uvicorn stops on both and raises them anew, which would skip the tidying up."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
