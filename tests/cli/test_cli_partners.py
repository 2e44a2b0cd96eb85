"""What is agreed with partners, on the command line, and that the evidence log says who was agreed with."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from commands import Gateway, gateway_in


@pytest.fixture
def gateway(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    shutil.copyfile(sqlite_template, tmp_path / "gateway.db")
    return gateway_in(tmp_path, monkeypatch)


def written_down(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "gateway.db") as database:
        rows = database.execute("SELECT body FROM evidence_log ORDER BY rowid").fetchall()
    database.close()
    return [row[0] for row in rows]


def changed_on(gateway: Gateway, day: str) -> object:
    """How what was changed is treated on a day."""
    shown = gateway.json("partners", "show", "H98", "--on", day, "--json")
    assert isinstance(shown, list)
    return shown[0]["changed"]


def test_an_agreement_is_written_shown_on_its_days_and_taken_out(gateway: Gateway, tmp_path: Path) -> None:
    agreed = gateway(
        "partners", "agree", "H98", "--since", "2026-12-01", "--until", "2026-12-31", "--changed", "set_apart"
    )
    assert agreed.exit_code == 0, agreed.stderr
    assert (changed_on(gateway, "2026-11-30"), changed_on(gateway, "2026-12-31")) == ("mark", "set_apart")
    assert gateway("partners", "remove", "H98", "--since", "2026-12-01").exit_code == 0
    assert gateway.json("partners", "list", "--json") == []
    bodies = written_down(tmp_path)
    assert ["agreed" in body for body in bodies] == [True, False]
    assert all("signing.policy_decided" in body and "H98" in body for body in bodies)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("H 98", "--since", "2026-12-01"), "partner.code"),
        (("H98", "--since", "2026-12-02", "--until", "2026-12-01"), "partner.until"),
        (("H97", "--since", "2026-12-01"), "partner.agreed"),
    ],
)
def test_what_cannot_be_agreed_is_refused_with_its_reason(
    gateway: Gateway, arguments: tuple[str, ...], code: str
) -> None:
    assert gateway("partners", "agree", "H97", "--since", "2026-12-01").exit_code == 0
    refused = gateway("partners", "agree", *arguments)
    assert refused.exit_code == 1
    assert code in refused.stderr


def test_what_was_never_agreed_cannot_be_taken_out(gateway: Gateway) -> None:
    refused = gateway("partners", "remove", "H98", "--since", "2026-12-01")
    assert refused.exit_code == 1
    assert "partner.unknown" in refused.stderr
