"""The operations guides name every setting with its present default, and what else operators are shown."""

import subprocess
import sys
from pathlib import Path

import pytest
from unmeasured import unmeasured

from gateway import settings
from gateway.api.meters import Figures, Meters
from gateway.doctor.checks import Layer
from gateway.documents.announcing import Happening
from gateway.signing.keys.reasons import EXPLANATIONS
from gateway.simulator.fault_list import FAULTS

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [ROOT / "docs" / name for name in ("operations.md", "operations.vi.md")]


@pytest.fixture(params=GUIDES, ids=lambda guide: guide.name)
def guide(request: pytest.FixtureRequest) -> str:
    """The text of one guide."""
    path: Path = request.param
    return path.read_text(encoding="utf-8")


def test_every_variable_is_in_the_table(guide: str) -> None:
    assert [name for name in settings.variables() if f"| `{name}` |" not in guide] == []


def test_defaults_and_ranges_are_those_of_the_program() -> None:
    checked = subprocess.run(
        [sys.executable, "tools/settings-table", "--check"], cwd=ROOT, capture_output=True, text=True, env=unmeasured()
    )
    assert checked.returncode == 0, checked.stderr


def test_every_alarm_says_what_to_do(guide: str) -> None:
    alarms = [kind for kind in Happening if kind.startswith("alarm.")]
    assert [kind for kind in alarms if f"| `{kind}` |" not in guide] == []


def test_every_metric_is_named(guide: str) -> None:
    text = Meters().exposition(Figures(disk_free_bytes=1)).decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert sorted(name for name in names if not name.endswith("_created") and f"`{name}`" not in guide) == []


def test_every_fault_of_the_simulator_is_named(guide: str) -> None:
    assert [name for name in FAULTS if f"| `{name}` |" not in guide] == []


def test_every_reason_why_a_key_cannot_sign_says_what_to_do(guide: str) -> None:
    assert [reason for reason in EXPLANATIONS if f"`{reason}`" not in guide] == []


def test_layers_that_are_explained_exist(guide: str) -> None:
    section = guide.split("`gateway doctor`\n", 1)[1].split("\n## ", 1)[0]
    named = [
        word for row in section.splitlines() if row.startswith("| `") for word in row.split("|")[1].split("`")[1::2]
    ]
    assert named
    assert [word for word in named if word not in set(Layer)] == []
