"""What is done with what was found: pure, by table, for the units that a packet is for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.edxml.finding_list import FindingList
from gateway.edxml.findings import Finding
from gateway.inspection.antivirus import Clean, Infected, NotScanned, Reason, Verdict
from gateway.inspection.executables import Runs
from gateway.inspection.kinds import Agreement, RealKind
from gateway.inspection.macros import Macros
from gateway.inspection.settings import InspectionSettings, NotScannedPolicy, Policy, UnitPolicy
from gateway.inspection.wording import (
    executable,
    infected,
    macro,
    macro_undetermined,
    mismatch,
    not_scanned,
    undetermined,
)


class Action(StrEnum):
    """What becomes of the packet."""

    DELIVER = "deliver"
    HOLD = "hold"
    QUARANTINE = "quarantine"


class SetApart(StrEnum):
    """Why a packet is set apart, the gravest first; stored as the arrival's reason."""

    INFECTED = "infected"
    EXECUTABLE = "executable"
    MACRO = "macro"
    MISMATCH = "mismatch"
    NOT_DETERMINED = "not_determined"
    NOT_SCANNED = "not_scanned"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What was found of one file. `position` counts from 1, `claim` is the extension it goes by, or empty."""

    position: int
    claim: str
    kind: RealKind | None
    agreement: Agreement
    runs: Runs | None
    macros: Macros
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The outcome for one packet. `reason` says why it is not delivered; `verdicts` are in the files' order."""

    findings: tuple[Finding, ...] = ()
    action: Action = Action.DELIVER
    reason: SetApart | None = None
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The policies in force for one packet."""

    executable: Policy
    macro: Policy
    mismatch: Policy
    not_determined: Policy


def policies_for(settings: InspectionSettings, unit_codes: Iterable[str]) -> Policies:
    """The strictest of the units' policies; those for all where no unit is named."""
    own = [settings.unit_policies.get(code, _AS_FOR_ALL) for code in unit_codes] or [_AS_FOR_ALL]
    return Policies(
        executable=_strictest(settings.executable, [one.executable for one in own]),
        macro=_strictest(settings.macro, [one.macro for one in own]),
        mismatch=_strictest(settings.mismatch, [one.mismatch for one in own]),
        not_determined=_strictest(settings.not_determined, [one.not_determined for one in own]),
    )


def decide(facts: Sequence[FileFacts], policies: Policies, settings: InspectionSettings) -> Inspection:
    """Findings of all files, and what becomes of the packet by its gravest one."""
    findings = FindingList(_MOST_FINDINGS)
    reasons: set[SetApart] = set()
    hold = False
    for file in facts:
        for policy, reason, finding in _judged(file, policies):
            if policy != "allow":
                findings.add(finding)
            if policy == "quarantine":
                reasons.add(reason)
        match file.verdict:
            case Infected(name):
                findings.add(infected(file.position, name))
                if settings.antivirus_infected == "quarantine":
                    reasons.add(SetApart.INFECTED)
            case NotScanned(why) if why is not Reason.OFF:
                findings.add(not_scanned(file.position, why))
                hold = hold or _waits(settings, why)
                if _is_refused(settings, why):
                    reasons.add(SetApart.NOT_SCANNED)
            case NotScanned() | Clean():
                pass
    worst = next((one for one in SetApart if one in reasons), None)
    verdicts = tuple(file.verdict for file in facts)
    if worst is not None:
        return Inspection(findings=findings.listed(), action=Action.QUARANTINE, reason=worst, verdicts=verdicts)
    if hold:
        return Inspection(
            findings=findings.listed(), action=Action.HOLD, reason=SetApart.NOT_SCANNED, verdicts=verdicts
        )
    return Inspection(findings=findings.listed(), verdicts=verdicts)


_AS_FOR_ALL = UnitPolicy()
_STRICTNESS: tuple[Policy, ...] = ("allow", "warn", "quarantine")
_MOST_FINDINGS = 200


def _strictest(default: Policy, wanted: Iterable[Policy | None]) -> Policy:
    return max((one or default for one in wanted), key=_STRICTNESS.index)


def _judged(file: FileFacts, policies: Policies) -> Iterable[tuple[Policy, SetApart, Finding]]:
    if file.runs is not None:
        yield policies.executable, SetApart.EXECUTABLE, executable(file.position, file.runs)
    if file.macros in (Macros.VBA, Macros.EXCEL4, Macros.BASIC):
        yield policies.macro, SetApart.MACRO, macro(file.position, file.macros)
    if file.macros is Macros.UNDETERMINED:
        yield policies.not_determined, SetApart.NOT_DETERMINED, macro_undetermined(file.position)
    if file.agreement is Agreement.DIFFERS and file.kind is not None:
        yield policies.mismatch, SetApart.MISMATCH, mismatch(file.position, file.claim, file.kind)
    if file.agreement is Agreement.UNDETERMINED:
        yield policies.not_determined, SetApart.NOT_DETERMINED, undetermined(file.position)


def _waits(settings: InspectionSettings, reason: Reason) -> bool:
    return settings.antivirus_not_scanned is NotScannedPolicy.HOLD and reason is not Reason.OVER_LIMIT


def _is_refused(settings: InspectionSettings, reason: Reason) -> bool:
    """A file too large to be scanned will be so tomorrow: to hold it would only lose time."""
    policy = settings.antivirus_not_scanned
    return policy is NotScannedPolicy.QUARANTINE or (policy is NotScannedPolicy.HOLD and reason is Reason.OVER_LIMIT)
