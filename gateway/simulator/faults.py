"""Faults that are on: how they are written, and what they do to each request.

A fault is written `NAME[@OPERATION[+OPERATION…]][=PART[,PART…]]`. Parts, in any order:

    once, 3times      strikes that often, then never again (without either: always)
    10%               strikes with that probability
    2s, 500ms         how long        (slow)
    5min              how far off     (strict-timestamp)
    1000B             how many bytes  (drop-before-store, truncate-body: cut after so many)
    3copies           how many extra  (duplicate-delivery; 1 without it)
    2lists            for how long    (out-of-order-status)
    padded, off       a word that the fault knows (strict-hash-file, cid-prefix)

`html-502@getEdoc+updateStatus=2times`, `slow=2s,10%`, `drop-after-store=once`. Chance comes from one seeded generator.
A new fault is one entry of `fault_list`; where it strikes is the hook that the entry fills. Source: axis API 12.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime

from gateway.axis.port import Item
from gateway.axis.vxp.wire import Operation
from gateway.problems import Kind, Problem, Text
from gateway.simulator.fault_kinds import Fault, FaultKind, Instead, Parts, ReadyAnswer
from gateway.simulator.fault_list import FAULTS
from gateway.simulator.readings import Readings


class FaultSet:
    """The faults that are on, and the readings that hold when no fault turns one.

    Chance is seeded: the same requests in the same order meet the same faults.
    """

    def __init__(
        self,
        specs: Sequence[str] = (),
        seed: int | None = None,
        readings: Readings = Readings(),  # noqa: B008 # frozen
    ) -> None:
        self.active: list[Fault] = [parse(spec) for spec in specs]
        self._chance = random.Random(seed)  # noqa: S311 - chance for a rehearsal, not for a secret
        self._readings = readings
        self._in_force: ContextVar[Readings] = ContextVar("readings", default=readings)

    def add(self, spec: str) -> Fault:
        """Switch one on. Raises Problem `simulator.fault`."""
        fault = parse(spec)
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        self.active.clear()

    @property
    def readings(self) -> Readings:
        """The readings under which the request is handled that this task is about."""
        return self._in_force.get()

    @contextmanager
    def request(self, operation: Operation) -> Iterator[Readings]:
        """The readings of one request, for as long as it is handled."""
        readings = self._readings
        for fault in self.active:
            if fault.kind.turns and fault.strikes(operation, self._chance):
                readings = readings.model_copy(update=fault.kind.turns(fault.parts))
        before = self._in_force.set(readings)
        try:
            yield readings
        finally:
            self._in_force.reset(before)

    def before(self, operation: Operation) -> list[Instead]:
        """What is done before a request is handled, in the order in which faults were switched on."""
        return [
            fault.kind.before(fault.argument)
            for fault in self.active
            if fault.kind.before and fault.strikes(operation, self._chance)
        ]

    def before_store(self, operation: Operation) -> None:
        """Raises what a fault raises just before the request's change is made."""
        for fault in self.active:
            if fault.kind.before_store and fault.strikes(operation, self._chance):
                raise fault.kind.before_store(fault.argument)

    def after_store(self, operation: Operation) -> None:
        """Raises what a fault raises just after the request's change was made."""
        for fault in self.active:
            if fault.kind.after_store and fault.strikes(operation, self._chance):
                raise fault.kind.after_store(fault.argument)

    def answer_changes(self, operation: Operation) -> list[Callable[[ReadyAnswer], ReadyAnswer]]:
        """What is done to the answer; empty when it goes out as it is."""
        return [
            fault.kind.answer for fault in self.active if fault.kind.answer and fault.strikes(operation, self._chance)
        ]

    def listed(self, waiting: Sequence[Item], acknowledged: Callable[[], Sequence[Item]]) -> Sequence[Item]:
        """What a received list shows."""
        items = waiting
        for fault in self.active:
            if fault.kind.listing and fault.strikes(Operation.RECEIVED, self._chance):
                items = fault.kind.listing(items, acknowledged)
        return items

    def copies(self, operation: Operation) -> int:
        """How many items one recipient gets of one packet."""
        return 1 + sum(
            fault.kind.copies(fault.argument)
            for fault in self.active
            if fault.kind.copies and fault.strikes(operation, self._chance)
        )

    def pieces(self, operation: Operation) -> list[Callable[[bytes], bytes]]:
        """What is done to each piece of the answer."""
        return [
            fault.kind.pieces for fault in self.active if fault.kind.pieces and fault.strikes(operation, self._chance)
        ]

    def laid(self, from_code: str, to_code: str, now: datetime) -> list[bytes]:
        """Packets to lay before a unit as it asks for its statuses."""
        return [
            fault.kind.lays(from_code, to_code, now)
            for fault in self.active
            if fault.kind.lays and fault.strikes(Operation.RECEIVED, self._chance)
        ]

    def held(self) -> int:
        """From how many lists the status that is being sent is kept."""
        return sum(
            fault.kind.held(fault.argument)
            for fault in self.active
            if fault.kind.held and fault.strikes(Operation.SEND, self._chance)
        )


_SPEC = re.compile(r"(?P<name>[a-z0-9-]{1,40})(?:@(?P<operations>[A-Za-z0-9+]{1,300}))?(?:=(?P<parts>.{1,200}))?")
_PART = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,3})?) ?(?P<unit>times|%|ms|s|min|B|copies|lists)")


def parse(spec: str) -> Fault:
    """A fault from its spec. Raises Problem `simulator.fault`."""
    match = _SPEC.fullmatch(spec.strip())
    kind = FAULTS.get(match["name"]) if match else None
    if match is None or kind is None:
        raise _bad(spec, "không có lỗi giả lập tên này", "there is no fault of that name")
    operations = _operations(spec, match["operations"]) if match["operations"] else kind.operations
    return Fault(spec.strip(), kind, operations, _parts(spec, kind, match["parts"]))


def _operations(spec: str, text: str) -> frozenset[Operation]:
    try:
        return frozenset(Operation(name) for name in text.split("+"))
    except ValueError:
        raise _bad(spec, "không có thao tác tên này", "there is no operation of that name") from None


def _parts(spec: str, kind: FaultKind, text: str | None) -> Parts:
    parts = Parts()
    for word in text.split(",") if text else ():
        parts = _with_part(parts, spec, kind, word.strip())
    return parts


def _with_part(parts: Parts, spec: str, kind: FaultKind, word: str) -> Parts:
    if word == "once":
        return replace(parts, times=1)
    if word in kind.words:
        return replace(parts, word=word)
    match = _PART.fullmatch(word)
    if match is None:
        raise _bad(spec, f"không hiểu phần “{word}”", f"the part {word!r} is not understood")
    number, unit = float(match["number"]), match["unit"]
    match unit:
        case "times" if number.is_integer():
            return replace(parts, times=int(number))
        case "%" if number <= 100:
            return replace(parts, percent=number)
        case "ms" if kind.unit == "s":
            return replace(parts, argument=number / 1000)
        case _ if unit == kind.unit and (unit == "s" or number.is_integer()):
            return replace(parts, argument=number)
    raise _bad(spec, f"lỗi này không nhận phần “{word}”", f"this fault does not take the part {word!r}")


def _bad(spec: str, vi: str, en: str) -> Problem:
    names = ", ".join(FAULTS)
    return Problem(
        "simulator.fault",
        Kind.INVALID,
        Text(f"Lỗi giả lập “{spec[:80]}” không hợp lệ: {vi}.", f"The fault {spec[:80]!r} is not valid: {en}."),
        Text(
            f"Viết TÊN[@THAO-TÁC][=once|3times|10%|2s…]. Các tên: {names}.",
            f"Write NAME[@OPERATION][=once|3times|10%|2s…]. Names: {names}.",
        ),
    )
