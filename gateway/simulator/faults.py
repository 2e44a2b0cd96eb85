"""What can go wrong at an axis, by name: when it strikes, and what it then does.

A fault is written `NAME[@OPERATION[+OPERATION…]][=PART[,PART…]]`. Parts, in any order:

    once, 3times      strikes that often, then never again (without either: always)
    10%               strikes with that probability
    2s, 500ms         how long        (slow)
    1000B             how many bytes  (drop-before-store: cut after so many of the body; without it, after the last)
    3copies           how many extra  (duplicate-delivery; 1 without it)

`html-502@getEdoc+updateStatus=2times`, `slow=2s,10%`, `drop-after-store=once`. Chance comes from one seeded generator.
A new fault is one entry of `FAULTS`; where it strikes is the hook that the entry fills. Source: axis API 12.
"""

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.axis.port import Item, Transport
from gateway.axis.vxp.backend import ErrorCode, ServerFail
from gateway.axis.vxp.wire import Operation
from gateway.problems import Kind, Problem, Text


class Severed(Exception):
    """The connection is to be cut here, without another byte."""


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """An answer as it goes out, whole."""

    http_status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class CutBody:
    """Cut the connection once so many bytes of the request's body are read; None: once all of it is."""

    after: int | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Handle at once, but wait before the answer; None: never answer, for as long as the client stays."""

    seconds: float | None


Instead = ReadyAnswer | CutBody | Wait
"""What a fault does before a request is handled."""


Listing = Callable[[Sequence[Item], Callable[[], Sequence[Item]]], Sequence[Item]]
"""What a fault makes of a received list: from the items that wait, and those that were acknowledged, when asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One named fault. `unit` is the letter of its own argument; hooks take the argument (None when not given).

    `before` a request is handled; `before_store` and `after_store` around the change that it makes, where they raise;
    `answer` changes what goes out; `listing` what a received list shows; `copies` how often a packet is delivered.
    """

    name: str
    says: str
    operations: frozenset[Operation] = frozenset(Operation)
    unit: str | None = None
    before: Callable[[float | None], Instead] | None = None
    before_store: Callable[[float | None], Exception] | None = None
    after_store: Callable[[float | None], Exception] | None = None
    answer: Callable[[ReadyAnswer], ReadyAnswer] | None = None
    listing: Listing | None = None
    copies: Callable[[float | None], int] | None = None


class Fault:
    """A fault switched on: its kind, where it may strike and how often still."""

    def __init__(self, spec: str, kind: FaultKind, operations: frozenset[Operation], parts: "_Parts") -> None:
        self.spec = spec
        self.kind = kind
        self.struck = 0
        self._operations = operations
        self._parts = parts

    @property
    def argument(self) -> float | None:
        """The kind's own argument: seconds, bytes or copies."""
        return self._parts.argument

    def strikes(self, operation: Operation, chance: random.Random) -> bool:
        """Whether it strikes this time; if so it counts."""
        if operation not in self._operations:
            return False
        if self._parts.times is not None and self.struck >= self._parts.times:
            return False
        if self._parts.percent is not None and chance.random() * 100 >= self._parts.percent:
            return False
        self.struck += 1
        return True


class FaultSet:
    """The faults that are on. Chance is seeded: the same requests in the same order meet the same faults."""

    def __init__(self, specs: Sequence[str] = (), seed: int | None = None) -> None:
        self.active: list[Fault] = [parse(spec) for spec in specs]
        self._chance = random.Random(seed)  # noqa: S311 - chance for a rehearsal, not for a secret

    def add(self, spec: str) -> Fault:
        """Switch one on. Raises Problem `simulator.fault`."""
        fault = parse(spec)
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        self.active.clear()

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


_SEND = frozenset({Operation.SEND})
_LIST = frozenset({Operation.RECEIVED})
_HTML_502 = ReadyAnswer(
    502,
    "text/html",
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
)
_JSON_401 = ReadyAnswer(
    401, "application/json", b'{"status":"FAIL","ErrorCode":"15","ErrorDesc":"Sai SystemId hoac SecretKey"}'
)


def _system_error_without_doc_id(_: float | None) -> ServerFail:
    return ServerFail(ErrorCode.SYSTEM_ERROR, "Lỗi hệ thống", doc_id=None)


def _with_doc_id_null(answer: ReadyAnswer) -> ReadyAnswer:
    return replace(answer, body=json.dumps({**json.loads(answer.body), "DocId": None}).encode())


def _with_numeric_code(answer: ReadyAnswer) -> ReadyAnswer:
    envelope = json.loads(answer.body)
    return replace(answer, body=json.dumps({**envelope, "ErrorCode": int(envelope["ErrorCode"])}).encode())


def _as_initial(item: Item) -> Item:
    return replace(item, status=Transport.INITIAL)


FAULTS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind(name="html-502", says="a proxy's HTML page with status 502", before=lambda _: _HTML_502),
        FaultKind(name="http-401-json", says="a FAIL answer with status 401", before=lambda _: _JSON_401),
        FaultKind(
            name="slow",
            says="does what was asked at once, answers later",
            unit="s",
            before=lambda seconds: Wait(seconds or 1.0),
        ),
        FaultKind(name="hang", says="does what was asked, never answers", before=lambda _: Wait(None)),
        FaultKind(
            name="drop-before-store",
            says="reads the body, stores nothing, cuts the connection",
            operations=_SEND,
            unit="B",
            before=lambda count: CutBody(None if count is None else int(count)),
        ),
        FaultKind(
            name="drop-after-store",
            says="stores, then cuts the connection without an answer",
            operations=_SEND,
            after_store=lambda _: Severed(),
        ),
        FaultKind(
            name="fail-without-docid",
            says="stores nothing, FAIL 20 without DocId",
            operations=_SEND,
            before_store=_system_error_without_doc_id,
        ),
        FaultKind(
            name="relist-acked",
            says="lists acknowledged items again",
            operations=_LIST,
            listing=lambda waiting, acknowledged: [*map(_as_initial, acknowledged()), *waiting],
        ),
        FaultKind(
            name="duplicate-delivery",
            says="gives each recipient the packet more than once",
            operations=_SEND,
            unit="copies",
            copies=lambda count: 1 if count is None else int(count),
        ),
        FaultKind(name="docid-null", says="DocId is null", operations=_SEND, answer=_with_doc_id_null),
        FaultKind(name="empty-200", says="status 200, no body", answer=lambda answer: replace(answer, body=b"")),
        FaultKind(
            name="bom",
            says="a byte order mark before the JSON",
            answer=lambda answer: replace(answer, body=b"\xef\xbb\xbf" + answer.body),
        ),
        FaultKind(name="numeric-errorcode", says="ErrorCode is a number", answer=_with_numeric_code),
    )
}
"""Every fault by name."""


@dataclass(frozen=True, slots=True)
class _Parts:
    times: int | None = None
    percent: float | None = None
    argument: float | None = None


_SPEC = re.compile(r"(?P<name>[a-z0-9-]{1,40})(?:@(?P<operations>[A-Za-z0-9+]{1,300}))?(?:=(?P<parts>.{1,200}))?")
_PART = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,3})?) ?(?P<unit>times|%|ms|s|B|copies)")


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


def _parts(spec: str, kind: FaultKind, text: str | None) -> _Parts:
    parts = _Parts()
    for word in text.split(",") if text else ():
        parts = _with_part(parts, spec, kind, word.strip())
    return parts


def _with_part(parts: _Parts, spec: str, kind: FaultKind, word: str) -> _Parts:
    if word == "once":
        return replace(parts, times=1)
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
