"""What follows a failed exchange with the axis: from (class of the error, attempt, age) to a decision (axis API 4). Pure.

What failed is named first (`failed_send`, `failed_call`), then decided on (`Patience.decide`). Nothing here sends,
waits or writes; those who do so ask here, and nowhere else is it said what is tried again.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.axis.port import (
    Accepted,
    AxisError,
    AxisRefused,
    AxisUnavailable,
    ErrorClass,
    NotSent,
    Rejected,
    SendResult,
    Unknown,
)
from gateway.documents.reasons import reason_of, word_of
from gateway.jobs import RetryPolicy


class Failure(StrEnum):
    """The classes of errors.

    `TRANSIENT`: it will pass, and trying again is safe. `UNKNOWN`: the axis may have it. `AMBIGUOUS`: it may pass.
    `PERMANENT_PACKET`, `PERMANENT_RECIPIENT`: no later attempt of the same is any better. `CONFIGURATION`: nothing of
    ours gets through until somebody has changed something.
    """

    TRANSIENT = "transient"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    PERMANENT_PACKET = "permanent_packet"
    PERMANENT_RECIPIENT = "permanent_recipient"
    CONFIGURATION = "configuration"


class Witness(StrEnum):
    """What an exchange says of the axis itself: it answers as it should, it does not, or nothing is said of it."""

    WELL = "well"
    SICK = "sick"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One exchange that failed. `reason` is a short stable word; `retry_after` in seconds, 0 where none was asked for."""

    failure: Failure
    reason: str
    witness: Witness
    retry_after: float = 0.0
    code: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """In so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """Never: the axis has said no to this for good."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Not any more by itself: a person is told."""

    why: str


@dataclass(frozen=True, slots=True)
class LeaveUnknown:
    """Not again by itself: evidence is looked for, then a person is asked (design rules 1, 2)."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Not until the configuration has changed."""


Decision = TryAgain | Refuse | GiveUp | LeaveUnknown | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long. `timing` says when, and when it has been long enough."""

    timing: RetryPolicy
    ambiguous_repeats: int
    unknown_repeats: int

    def decide(
        self,
        failure: Failure,
        *,
        attempt: int,
        age: float,
        draw: float,
        doubts: int = 1,
        soonest: float = 0.0,
        repeatable: bool = False,
    ) -> Decision:
        """After an attempt failed.

        `attempt`, from 1, and `age` (seconds for which it could have been tried) give the wait; `draw` is random in
        [0, 1). `doubts`: how many attempts, this one among them, left open whether it can be taken or was.
        `repeatable`: that the axis has it twice harms nobody (a status).
        """
        match failure:
            case Failure.PERMANENT_PACKET | Failure.PERMANENT_RECIPIENT:
                return Refuse()
            case Failure.CONFIGURATION:
                return Stop()
            case Failure.UNKNOWN if not repeatable or doubts >= self.unknown_repeats:
                return LeaveUnknown()
            case Failure.AMBIGUOUS if doubts >= self.ambiguous_repeats:
                return GiveUp(f"failed {doubts} times")
            case _:
                when = self.timing.decide(attempt=attempt, age=max(age, 0.0), draw=draw, soonest=soonest)
        if when.after is not None:
            return TryAgain(when.after)
        return LeaveUnknown() if failure is Failure.UNKNOWN else GiveUp(when.why)


def failed_send(result: SendResult) -> Failed | None:
    """What a send came to; None when it was accepted."""
    match result:
        case Accepted():
            return None
        case Rejected(code, text, error_class):
            failure = _OF_CLASS[error_class]
            if failure is Failure.TRANSIENT:
                failure = Failure.UNKNOWN  # an error in the middle of its work: it may have stored the packet first
            witness = Witness.SICK if failure is Failure.UNKNOWN else Witness.WELL
            return Failed(failure=failure, reason=word_of(f"axis_{code}"), witness=witness, code=code, text=text)
        case NotSent(reason) if reason in _NEVER:
            return Failed(failure=Failure.PERMANENT_PACKET, reason=word_of(reason), witness=Witness.SILENT)
        case NotSent(reason, retry_after):
            return Failed(
                failure=Failure.TRANSIENT,
                reason=word_of(reason),
                witness=_witness(reason),
                retry_after=retry_after or 0.0,
            )
        case Unknown(reason):
            return Failed(failure=Failure.UNKNOWN, reason=word_of(reason), witness=_witness(reason))


def failed_call(error: AxisError) -> Failed:
    """What any other call than a send came to."""
    reason = reason_of(error)
    match error:
        case AxisRefused():
            failure = _OF_CLASS[error.error_class]
            witness = Witness.SICK if failure is Failure.TRANSIENT else Witness.WELL
            return Failed(failure=failure, reason=reason, witness=witness, code=error.code, text=error.text)
        case AxisUnavailable():
            return Failed(
                failure=Failure.TRANSIENT,
                reason=reason,
                witness=_witness(error.reason),
                retry_after=error.retry_after or 0.0,
            )
        case _:
            return Failed(failure=Failure.TRANSIENT, reason=reason, witness=Witness.SILENT)


_OF_CLASS = {
    ErrorClass.TRANSIENT: Failure.TRANSIENT,
    ErrorClass.AMBIGUOUS: Failure.AMBIGUOUS,
    ErrorClass.PERMANENT_PACKET: Failure.PERMANENT_PACKET,
    ErrorClass.PERMANENT_RECIPIENT: Failure.PERMANENT_RECIPIENT,
    ErrorClass.CONFIGURATION: Failure.CONFIGURATION,
}
_NEVER = frozenset({"bad_header_value"})
"""Reasons for not sending that no later attempt cures."""
_OURS = frozenset({"packet_changed", "pool", "process_died_while_sending"})
"""Failures of our own side."""
_ABOUT_THE_REQUEST = re.compile(r"http_4(?!08|29)\d\d")


def _witness(reason: str) -> Witness:
    """A 4xx is about what was asked for; somebody was there to refuse it, and what lies behind is not known."""
    silent = reason in _OURS or _ABOUT_THE_REQUEST.fullmatch(reason)
    return Witness.SILENT if silent else Witness.SICK
