"""Policies decide, per unit, what becomes of what was found."""

from dataclasses import replace

import pytest
from office_files import Held, docm
from pydantic import ValidationError

from gateway.edxml.sinks import Source
from gateway.inspection import Action, FileToInspect, Inspection, InspectionSettings, Inspector, SetApart
from gateway.inspection.antivirus import Clean, Infected, NotScanned, Reason, Verdict
from gateway.inspection.executables import Runs
from gateway.inspection.families import Family
from gateway.inspection.kinds import Agreement, RealKind
from gateway.inspection.macros import Macros
from gateway.inspection.policy import FileFacts, decide, policies_for

FINE = FileFacts(
    position=1,
    claim="pdf",
    kind=RealKind(mime="application/pdf", family=Family.PDF),
    agreement=Agreement.AGREES,
    runs=None,
    macros=Macros.NONE,
    verdict=NotScanned(Reason.OFF),
)
PROGRAM = replace(FINE, runs=Runs.WINDOWS)
MACRO = replace(FINE, macros=Macros.VBA)
MISMATCH = replace(FINE, agreement=Agreement.DIFFERS)
UNKNOWN = replace(FINE, kind=None, agreement=Agreement.UNDETERMINED)
LOCKED = replace(FINE, macros=Macros.UNDETERMINED)


def outcome(*facts: FileFacts, units: tuple[str, ...] = ("H99.07",), **given: object) -> Inspection:
    settings = InspectionSettings.model_validate(given)
    return decide(facts, policies_for(settings, units), settings)


def told(facts: FileFacts, name: str, policy: str) -> Inspection:
    settings = InspectionSettings.model_validate({name: policy})
    return decide([facts], policies_for(settings, []), settings)


def codes(inspection: Inspection) -> list[str]:
    return [one.code for one in inspection.findings]


def test_a_plain_file_is_delivered_without_a_word() -> None:
    assert outcome(FINE) == Inspection(verdicts=(NotScanned(Reason.OFF),))


DEFAULTS = [
    (PROGRAM, "A.Executable", Action.QUARANTINE),
    (MACRO, "A.Macro", Action.DELIVER),
    (MISMATCH, "A.Type", Action.DELIVER),
    (UNKNOWN, "A.NotDetermined", Action.DELIVER),
    (LOCKED, "A.NotDetermined", Action.DELIVER),
]


@pytest.mark.parametrize(("facts", "code", "action"), DEFAULTS)
def test_what_is_done_unless_an_agency_says_otherwise(facts: FileFacts, code: str, action: Action) -> None:
    found = outcome(facts)
    assert (codes(found), found.action) == ([code], action)


SETTINGS = [
    (PROGRAM, "executable", SetApart.EXECUTABLE),
    (MACRO, "macro", SetApart.MACRO),
    (MISMATCH, "mismatch", SetApart.MISMATCH),
    (UNKNOWN, "not_determined", SetApart.NOT_DETERMINED),
    (LOCKED, "not_determined", SetApart.NOT_DETERMINED),
]


@pytest.mark.parametrize(("facts", "name", "reason"), SETTINGS)
def test_each_policy_allows_warns_or_sets_apart(facts: FileFacts, name: str, reason: SetApart) -> None:
    allowed, warned, apart = (told(facts, name, policy) for policy in ("allow", "warn", "quarantine"))
    assert (allowed.findings, allowed.action) == ((), Action.DELIVER)
    assert (len(warned.findings), warned.action) == (1, Action.DELIVER)
    assert (len(apart.findings), apart.action, apart.reason) == (1, Action.QUARANTINE, reason)


def test_a_unit_has_its_own_policy() -> None:
    own = '{"H99.07": {"macro": "quarantine", "executable": "warn"}}'
    assert outcome(MACRO, unit_policies=own).action is Action.QUARANTINE
    assert outcome(MACRO, unit_policies=own, units=("H99.08",)).action is Action.DELIVER
    assert outcome(PROGRAM, unit_policies=own).action is Action.DELIVER


def test_of_several_units_the_strictest_decides() -> None:
    own = {"A": {"macro": "allow"}, "B": {"macro": "quarantine"}}
    assert outcome(MACRO, unit_policies=own, units=("A", "B")).action is Action.QUARANTINE
    assert codes(outcome(MACRO, unit_policies=own, units=("A", "C"))) == ["A.Macro"]


def test_the_gravest_reason_is_named() -> None:
    found = outcome(MACRO, replace(PROGRAM, position=2, verdict=Infected("X")), macro="quarantine")
    assert found.reason is SetApart.INFECTED
    assert set(codes(found)) == {"A.Macro", "A.Executable", "A.Infected"}


FAILURES = [Reason.UNREACHABLE, Reason.OVER_LIMIT, Reason.TIMEOUT, Reason.ERROR]


@pytest.mark.parametrize("reason", FAILURES)
def test_what_was_not_scanned_is_delivered_marked_unless_an_agency_says_otherwise(reason: Reason) -> None:
    found = outcome(replace(FINE, verdict=NotScanned(reason)))
    assert (codes(found), found.action) == (["A.NotScanned"], Action.DELIVER)
    assert str(found.verdicts[0]) == f"not_scanned:{reason}"


@pytest.mark.parametrize("reason", FAILURES)
def test_what_was_not_scanned_can_be_held_or_set_apart(reason: Reason) -> None:
    facts = replace(FINE, verdict=NotScanned(reason))
    held = outcome(facts, antivirus_not_scanned="hold")
    assert held.action is (Action.QUARANTINE if reason is Reason.OVER_LIMIT else Action.HOLD)
    apart = outcome(facts, antivirus_not_scanned="quarantine")
    assert (apart.action, apart.reason) == (Action.QUARANTINE, SetApart.NOT_SCANNED)


def test_an_infected_file_may_be_let_through_but_never_unsaid() -> None:
    found = outcome(replace(FINE, verdict=Infected("X")), antivirus_infected="warn")
    assert (codes(found), found.action) == (["A.Infected"], Action.DELIVER)


def test_a_thousand_bad_files_make_a_list_that_ends() -> None:
    found = outcome(*(replace(MACRO, position=n) for n in range(1, 1001)))
    assert len(found.findings) == 201


@pytest.mark.parametrize("address", ["clamd", "unix:relative", "tcp:host", "tcp:host:0", "tcp:host:99999", "http://x"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        InspectionSettings(antivirus_address=address)


@pytest.mark.parametrize("text", ["{", "[]", '{"A": {"macro": "maybe"}}', '{"A": {"marco": "warn"}}'])
def test_unit_policies_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        InspectionSettings.model_validate({"unit_policies": text})


class Says:
    """An antivirus that always says the same."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked = 0

    async def scan(self, source: Source) -> Verdict:
        self.asked += 1
        return self.verdict


A_FILE = FileToInspect(position=1, attachment_name="a.exe", content_type=None, source=Held(docm()))


async def test_what_we_send_is_warned_of_and_never_set_apart() -> None:
    says = Says(Clean())
    found = await Inspector(InspectionSettings(macro="quarantine"), antivirus=says).inspect_outgoing([A_FILE], "H99")
    assert found.action is Action.DELIVER
    assert set(codes(found)) == {"A.Executable", "A.Macro", "A.Type"}
    assert says.asked == 0


async def test_an_infected_file_is_not_sent_where_sent_files_are_scanned() -> None:
    settings = InspectionSettings(antivirus_outgoing=True, antivirus_infected="warn")
    found = await Inspector(settings, antivirus=Says(Infected("X"))).inspect_outgoing([A_FILE], "H99")
    assert (found.action, found.reason) == (Action.QUARANTINE, SetApart.INFECTED)
