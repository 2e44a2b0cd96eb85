"""A short run of the fuzzer; the long one is `make fuzz`."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from parts import missing
from unmeasured import unmeasured

FUZZ = Path(__file__).resolve().parent.parent.parent / "fuzz" / "reader.py"
RUNS = 1500


@pytest.mark.process
def test_nothing_that_the_fuzzer_makes_in_a_short_run_breaks_the_reader(tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        missing("atheris", "it has no wheel for this Python and machine (Python 3.11 on x86_64 Linux is needed)")
    done = subprocess.run(
        [sys.executable, FUZZ, f"-runs={RUNS}", "-seed=1"],
        env=unmeasured() | {"FUZZ_FOLDER": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    runs = re.search(r"(?:Done |number_of_executed_units: +)(\d+)", done.stdout)
    assert runs is not None
    assert int(runs[1]) >= RUNS
