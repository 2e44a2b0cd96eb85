"""Real processes: `gateway …` commands with logs of their own, killed and started again, gone when the soak goes."""

import asyncio
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from demo.processes import die_with_parent
from gateway.cli import main as gateway_main

START_SECONDS = 180.0
"""Of a process that is started: what a machine that is much too busy may need."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["gateway.running", "bench.soak.processes"])


class Stuck(Exception):
    """Something did not come to pass in its time; the message says what, and where to look."""


@dataclass
class Program:
    """One `gateway` command that is kept running.

    `forked`: not run anew but forked from a process that has imported the gateway and done nothing else, which spares
    seconds of CPU at each start and is the same in all else.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    forked: bool = False
    _run: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _fork: BaseProcess | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last."""
        if self._fork is not None:
            return self._fork.pid or 0
        return self._run.pid if self._run else 0

    def start(self) -> None:
        """Start it. From the main thread only: the kernel ends it with the thread that started it."""
        self.log.touch()
        if self.forked:
            self._fork = _FORKS.Process(
                target=_become, args=(list(self.arguments), clean(self.environment), self.log), daemon=True
            )
            self._fork.start()
            return
        with self.log.open("ab") as out, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of preexec_fn beside threads
            self._run = subprocess.Popen(
                [sys.executable, "-m", "gateway", *self.arguments],
                env=clean(self.environment),
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=partial(die_with_parent, signal.SIGKILL),
            )

    def kill(self) -> None:
        """SIGKILL, and gone."""
        if self._fork is not None and self._fork.pid is not None:
            self._fork.kill()
            self._fork.join()
        if self._run is not None:
            self._run.kill()
            self._run.wait()

    def died(self) -> bool:
        """Whether it ended, killed or not."""
        if self._fork is not None:
            return self._fork.exitcode is not None
        return self._run is not None and self._run.poll() is not None

    async def until_said(self, words: str, after: int = 0) -> str:
        """The rest of the line in its log that begins with these words. Raises Stuck."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self.died():
            for line in self.log.read_text(errors="replace")[after:].splitlines():
                if line.startswith(words):
                    return line.removeprefix(words).strip()
            await asyncio.sleep(0.05)
        raise Stuck(f"{self.name} is not ready: see {self.log}")


async def command(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run one command to its end; its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *arguments),
        env=clean(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), START_SECONDS)
    except TimeoutError:
        process.kill()
        raise Stuck(f"gateway {' '.join(arguments)} does not end") from None
    return process.returncode or 0, said.decode(errors="replace").strip()


def clean(more: Mapping[str, str]) -> dict[str, str]:
    """The environment without what measures or configures whoever started us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "GATEWAY_"))}
    return {**kept, **more}


def free_port() -> int:
    """A loopback port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _become(arguments: list[str], environment: dict[str, str], log: Path) -> None:
    """What a forked process does: the same as `gateway …`."""
    die_with_parent(signal.SIGKILL)
    os.setsid()
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["gateway", *arguments]
    gateway_main()
