"""Commands: one file for each noun. They translate and call; start-up counts, so heavy rooms are imported when used."""

import sys
from io import TextIOWrapper


def main() -> None:
    """The console script `gateway`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    from gateway.cli.root import app

    app(prog_name="gateway")
