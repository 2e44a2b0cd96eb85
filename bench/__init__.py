"""Measures what the gateway promises: `python -m bench.packet`, `bench.large_document`, `bench.throughput`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))  # the tests' real PostgreSQL is ours too
