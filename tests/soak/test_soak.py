"""The proof in short, as anybody runs it: nothing lost, nothing doubled, nothing left over, and the report says so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.postgres]

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--documents", "30", "--storm", "12", "--kill-every", "4", "--calm", "60", "--large", "0.3", "--forked")
BOUND = 400
"""Seconds; it takes a tenth of that on two cores of its own."""


def test_a_short_soak_loses_nothing_doubles_nothing_and_leaves_nothing_over(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.soak", "--seed", "20261126", *SHORT, "--folder", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BOUND, check=False)
    said = ran.stdout
    assert ran.returncode == 0, said[-6000:] + ran.stderr[-3000:]
    assert "lost 0, doubled 0, left over 0" in said
    assert "BROKEN" not in said
    assert _number(r"^documents (\d+) ", said) == 30
    assert _number(r"^kills: .*?(\d+)", said) > 0
    assert re.search(r"^faults of the axis: .*[1-9]", said, re.MULTILINE)
    assert re.search(r"^\| thường +\| +\d+ \| +[\d.]+ s \| +[\d.]+ s", said, re.MULTILINE)
    assert re.search(r"^\| killed +\| times \| answering p50", said, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text, re.MULTILINE)
    assert found, text[-3000:]
    return int(found[1])
