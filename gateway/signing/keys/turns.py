"""Turns at a token: so many callers at a time, or one alone, each waiting a bounded time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Semaphore

from gateway.signing.keys.api import KeyUnusable
from gateway.signing.keys.reasons import Fault


class Turns:
    """`calls` at a time. Whoever waits longer than `seconds` gets KeyUnusable `token_busy`."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls = calls
        self._seconds = seconds
        self._places = Semaphore(calls)
        self._gathering = Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """One place."""
        if not self._places.acquire(timeout=self._seconds):
            raise KeyUnusable(Fault.BUSY)
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """All places. Only one caller gathers them at a time, or two would wait for each other's."""
        until = time.monotonic() + self._seconds
        if not self._gathering.acquire(timeout=self._seconds):
            raise KeyUnusable(Fault.BUSY)
        taken = 0
        try:
            for _ in range(self._calls):
                if not self._places.acquire(timeout=max(until - time.monotonic(), 0.0)):
                    raise KeyUnusable(Fault.BUSY)
                taken += 1
            yield
        finally:
            if taken:
                self._places.release(taken)
            self._gathering.release()
