"""`gateway evidence` as an operator uses it."""

import asyncio
import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from bundle_parts import bundle, changed, edited, log
from clocks import FakeClock
from evidence_parts import Evidence
from typer.testing import CliRunner, Result

from gateway.cli.root import app
from gateway.store import Store, StoreSettings


class Operator:
    """The command line on a log of three entries, with the day closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "gateway.db"

    def __call__(self, *arguments: str | Path) -> Result:
        """Run `gateway evidence …`."""
        environment = {"GATEWAY_DATABASE_URL": f"sqlite:///{self.file}", "GATEWAY_BLOB_URL": str(self.folder / "blobs")}
        result = CliRunner().invoke(app, ["evidence", *map(str, arguments)], env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


async def _filled(file: Path) -> None:
    store = Store(StoreSettings(database_url=f"sqlite:///{file}"))
    clock = FakeClock()
    evidence = Evidence(store, clock)
    await evidence.happen(3)
    await evidence.chain()
    clock.now += timedelta(days=1)
    await evidence.chain()
    await store.close()


@pytest.fixture
def operator(sqlite_template: Path, tmp_path: Path) -> Operator:
    """On a database of its own."""
    made = Operator(tmp_path)
    shutil.copyfile(sqlite_template, made.file)
    asyncio.run(_filled(made.file))
    return made


def test_the_heads_that_are_printed_are_the_heads_that_are_compared(operator: Operator) -> None:
    heads = operator.folder / "heads"
    printed = operator("head", "--all")
    heads.write_text(printed.stdout)
    assert (printed.exit_code, printed.stdout.split()[:2]) == (0, ["2026-11-22", "3"])
    done = operator("audit", "--heads", heads, "--json")
    assert (done.exit_code, json.loads(done.stdout)["heads"]) == (0, 3)


def test_an_audit_ends_in_1_and_names_the_entry(operator: Operator) -> None:
    with sqlite3.connect(operator.file) as connection:
        connection.execute("DELETE FROM evidence_log WHERE seq = 2")
    connection.close()
    done = operator("audit")
    assert done.exit_code == 1
    assert "Mục 2 đã bị xóa" in done.stderr
    assert "Entry 2 was removed" in done.stderr


def test_a_bundle_is_verified_with_heads_from_elsewhere(tmp_path: Path) -> None:
    file, heads = tmp_path / "b.zip", tmp_path / "heads"
    file.write_bytes(bundle())
    heads.write_text(log()[1].line() + "\n")
    done = Operator(tmp_path)("verify", file, "--heads", heads)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "H99,2025/03/05,1520/UBND-KT" in done.stderr


def test_a_tampered_bundle_ends_in_1_and_says_what(tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    file.write_bytes(changed(edited("contents.json", lambda one: one["subject"].update(meaning="6" * 64))))
    done = Operator(tmp_path)("verify", file)
    assert done.exit_code == 1
    assert "meaning_differs" in done.stderr


def test_what_is_no_bundle_ends_in_1(tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    file.write_bytes(b"%PDF-1.4")
    done = Operator(tmp_path)("verify", file)
    assert done.exit_code == 1
    assert "evidence.not_a_bundle" in done.stderr


def test_verifying_needs_no_settings_and_no_database(tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    file.write_bytes(bundle())
    done = CliRunner().invoke(
        app, ["evidence", "verify", str(file), "--json"], env={"GATEWAY_DATABASE_URL": "nonsense"}
    )
    assert (done.exit_code, json.loads(done.stdout)["whole"]) == (0, True)
