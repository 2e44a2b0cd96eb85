"""Real processes on free loopback ports, each with a log of its own, ended together."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

READY = re.compile(r"ready on (http://\S+)")
START_SECONDS = 30.0


class StepFailed(Exception):
    """A step of the story did not happen; the message says which and where to look."""


def die_with_parent(how: signal.Signals = signal.SIGTERM) -> None:
    """In a new process: be sent this signal when the thread that started it ends, however it ends. Linux only."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, how)


class Processes:
    """Starts `gateway` commands and ends what it started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._pids: dict[str, int] = {}

    def command(self, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run one command to its end; its standard output. Raises StepFailed with what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise StepFailed(f"gateway {' '.join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
        """Start a server; the address it says it is ready on."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as out, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of preexec_fn beside threads
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._running.append(process)
        self._pids[name] = process.pid
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if found := READY.search(log.read_text(errors="replace")):
                return found.group(1)
            time.sleep(0.05)
        raise StepFailed(f"{name} did not become ready; see {log}")

    def pid(self, name: str) -> int:
        """The process id of a server that was started."""
        return self._pids[name]

    def wait(self) -> None:
        """Until somebody interrupts, or a process ends."""
        while all(process.poll() is None for process in self._running):
            time.sleep(0.2)

    def stop(self) -> None:
        """End everything that was started."""
        for process in reversed(self._running):
            process.terminate()
        for process in reversed(self._running):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
