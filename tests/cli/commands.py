"""Runs commands in this process, on databases and folders of the test."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.root import app

DATA = Path(__file__).parents[1] / "data"
PACKETS = sorted((DATA / "packets").glob("*.edxml"))


@dataclass
class Gateway:
    """The command line, with the settings of one test."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str | Path, input: str | bytes | None = None) -> Result:
        """Run one command. An exception other than the end of the program fails the test."""
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=input, env=self.environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *arguments: str | Path) -> object:
        """What a command that must succeed prints."""
        result = self(*arguments)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


def gateway_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """The command line on an embedded database in a folder; not yet migrated."""
    monkeypatch.chdir(folder)
    environment = {
        "GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'gateway.db'}",
        "GATEWAY_BLOB_URL": str(folder / "blobs"),
    }
    return Gateway(folder, environment)
