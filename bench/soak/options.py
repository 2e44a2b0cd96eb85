"""What a soak is told on its command line."""

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

_MOST_SEED = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much, how long, how hard. Times in seconds."""

    documents: int = 2000
    seed: int = 0
    storm: float = 240.0
    """Documents are handed over spread over this time; faults and kills go on as long."""
    seconds: float = 2700.0
    """After this no more documents are handed over, so that the whole ends."""
    calm: float = 90.0
    """After the storm everything has to come to its end; it is given up when nothing more happens for so long."""
    window: int = 100
    """Documents under way at a time."""
    kill_every: float = 12.0
    kills: bool = True
    faults: bool = True
    cuts: bool = True
    largest: int = 20 * 1024 * 1024
    """Bytes of the largest file."""
    large: float = 1.0
    """Factor on how often files over 1 MB come."""
    forked: bool = False
    """Start the gateways by forking: for a short run, in which starting would take most of the time."""
    folder: Path | None = None
    keep: bool = False


def options(arguments: list[str] | None = None) -> Options:
    """From the command line."""
    default = Options()
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak",
        description="Two agencies, two nodes each, a simulated axis, and everything that can go wrong: nothing may be "
        "lost, nothing doubled, nothing left. Exit 1 and the names of the documents when something is.",
    )
    parser.add_argument("--documents", type=int, default=default.documents, help="how many are handed over")
    parser.add_argument("--seed", type=int, help="of chance: the same draws again (what meets what still varies)")
    parser.add_argument("--storm", type=float, default=default.storm, help="seconds over which they are handed over")
    parser.add_argument("--seconds", type=float, default=default.seconds, help="after so many none is handed over")
    parser.add_argument(
        "--calm", type=float, default=default.calm, help="seconds without progress after which the end is given up"
    )
    parser.add_argument("--window", type=int, default=default.window, help="documents under way at a time")
    parser.add_argument("--kill-every", type=float, default=default.kill_every, help="seconds between kills, about")
    parser.add_argument("--no-kills", action="store_true", help="no process dies, PostgreSQL stays up")
    parser.add_argument("--no-faults", action="store_true", help="the axis and the receivers behave")
    parser.add_argument("--no-cuts", action="store_true", help="the line to the axis stays whole")
    parser.add_argument("--largest", type=int, default=default.largest, metavar="BYTES", help="the largest file")
    parser.add_argument("--large", type=float, default=default.large, help="how often files over 1 MB come (factor)")
    parser.add_argument("--forked", action="store_true", help="start processes by forking (quick; for short runs)")
    parser.add_argument("--folder", type=Path, help="where to work; a new temporary folder by default")
    parser.add_argument("--keep", action="store_true", help="leave folder and logs also when all is well")
    said = parser.parse_args(arguments)
    return Options(
        documents=said.documents,
        seed=random.SystemRandom().randrange(_MOST_SEED) if said.seed is None else said.seed,
        storm=said.storm,
        seconds=said.seconds,
        calm=said.calm,
        window=said.window,
        kill_every=said.kill_every,
        kills=not said.no_kills,
        faults=not said.no_faults,
        cuts=not said.no_cuts,
        largest=said.largest,
        large=said.large,
        forked=said.forked,
        folder=said.folder,
        keep=said.keep,
    )
