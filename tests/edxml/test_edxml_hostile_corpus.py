"""The whole hostile corpus through the real reader into real blobs, measured by the system, each case in its process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_corpus import CORPUS
from unmeasured import unmeasured

TESTS = Path(__file__).parent
HALVES = 2
"""So many processes share the corpus; the tests run on two cores."""

PATIENCE = 10
"""How many times longer than computing may take a busy machine may make us wait."""


@pytest.mark.parametrize("half", range(HALVES))
def test_every_hostile_packet_ends_in_its_finding_within_its_bounds_and_leaves_nothing(
    half: int, tmp_path: Path
) -> None:
    numbers = range(half, len(CORPUS), HALVES)
    done = subprocess.run(
        [sys.executable, TESTS / "hostile_run.py", tmp_path, *map(str, numbers)],
        env=_environment(),
        capture_output=True,
        timeout=300,
        check=True,
    )
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = []
    for number, outcome in zip(numbers, outcomes, strict=True):
        case = CORPUS[number]
        wrong += [f"{case.name}: {problem}" for problem in outcome["wrong"]]
        if outcome["seconds"] > case.seconds or outcome["wall"] > case.seconds * PATIENCE:
            wrong.append(f"{case.name}: {outcome['seconds']:.1f} s of {case.seconds}, {outcome['wall']:.1f} s waited")
        if outcome["growth"] > case.memory:
            wrong.append(f"{case.name}: grew by {outcome['growth']} bytes of {case.memory}")
    assert wrong == []


def test_the_names_of_the_cases_differ() -> None:
    assert len({case.name for case in CORPUS}) == len(CORPUS)


def test_the_security_guide_lists_every_limit_and_every_case() -> None:
    done = subprocess.run(
        [TESTS.parent.parent / "tools" / "corpus-table", "--check"], capture_output=True, text=True, env=unmeasured()
    )
    assert (done.returncode, done.stderr) == (0, "")


def _environment() -> dict[str, str]:
    """Without coverage, which would be measured with it."""
    return unmeasured() | {"PYTHONPATH": os.pathsep.join((str(TESTS.parent.parent), str(TESTS)))}
