"""`gateway backup`, `gateway restore` and `gateway nodes` as an operator types them."""

import json
from pathlib import Path

import pytest
from commands import Gateway, gateway_in


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A migrated gateway with a unit."""
    made = gateway_in(tmp_path, monkeypatch)
    assert made("migrate").exit_code == 0
    (tmp_path / "secret").write_text("c2VjcmV0")
    added = made(
        *("connections", "add", "truc", "--endpoint", "http://127.0.0.1:9/", "--allow-plain-http"),
        *("--system-id", "00.99.X99", "--secret-file", "secret"),
    )
    assert added.exit_code == 0, added.stderr
    assert made("units", "add", "H99", "--name", "Tỉnh", "--connection", "truc").exit_code == 0
    return made


@pytest.fixture
def other(gateway: Gateway, tmp_path: Path) -> Gateway:
    """An empty machine."""
    (tmp_path / "other").mkdir()
    return Gateway(
        tmp_path,
        {
            "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'other' / 'gateway.db'}",
            "GATEWAY_BLOB_URL": str(tmp_path / "other" / "blobs"),
        },
    )


@pytest.mark.parametrize("command", [["backup"], ["backup", "create"]])
@pytest.mark.parametrize("name", ["kept", "kept.tar"])
def test_a_backup_is_made_verified_and_restored(
    gateway: Gateway, other: Gateway, command: list[str], name: str
) -> None:
    record = gateway.json(*command, name, "--json")
    assert isinstance(record, dict)
    assert (record["blobs"], record["lost"]) == (0, 0)
    assert gateway("backup", "verify", name).exit_code == 0
    done = other("restore", name)
    assert done.exit_code == 0
    assert "gateway restore release" in done.stderr
    assert [one["code"] for one in _listed(other, "units")] == ["H99"]


def test_a_dry_run_restores_nothing(gateway: Gateway, other: Gateway) -> None:
    gateway("backup", "kept")
    assert other("restore", "kept", "--dry-run").exit_code == 0
    refused = other("units", "list")
    assert (refused.exit_code, "database.older" in refused.stderr) == (1, True)


def test_a_restore_over_something_needs_force(gateway: Gateway) -> None:
    gateway("backup", "kept")
    refused = gateway("restore", "kept")
    assert (refused.exit_code, "restore.not_empty" in refused.stderr) == (1, True)
    assert gateway("restore", "kept", "--force").exit_code == 0


def test_differences_say_whose_axis_gave_no_answer_and_where_the_limit_is(gateway: Gateway, other: Gateway) -> None:
    gateway("backup", "kept")
    other("restore", "kept")
    told = other("restore", "differences")
    assert told.exit_code == 0
    assert "# held: 0" in told.stdout
    assert "connect" in told.stderr
    assert "Giới hạn" in told.stderr
    found = json.loads(other("restore", "differences", "--json").stdout)
    assert (found["held"], found["not_asked"]) == ([], [["truc", "connect"]])


def test_a_release_without_the_axis_has_to_be_asked_for(gateway: Gateway, other: Gateway) -> None:
    gateway("backup", "kept")
    other("restore", "kept")
    refused = other("restore", "release", "--all")
    assert (refused.exit_code, "restore.not_compared" in refused.stderr) == (1, True)
    assert other("restore", "release", "--all", "--without-axis", "--dry-run").exit_code == 0
    assert other("restore", "release", "--all", "--without-axis").exit_code == 0
    again = other("restore", "release", "--all", "--without-axis")
    assert (again.exit_code, "restore.nothing_held" in again.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [[], ["--all", "--dispatch", "x"]])
def test_a_release_says_what_it_releases(gateway: Gateway, arguments: list[str]) -> None:
    assert gateway("restore", "release", *arguments).exit_code == 2


def test_a_dispatch_that_is_not_held_is_named(gateway: Gateway, other: Gateway) -> None:
    gateway("backup", "kept")
    other("restore", "kept")
    refused = other("restore", "release", "--dispatch", "none")
    assert (refused.exit_code, "restore.not_held" in refused.stderr) == (1, True)


def test_what_is_no_backup_is_refused(gateway: Gateway, other: Gateway, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for command in (("backup", "verify"), ("restore",)):
        refused = other(*command, "empty")
        assert (refused.exit_code, "backup.unreadable" in refused.stderr) == (1, True)


def test_the_clock_and_the_folder_can_be_vouched_for(gateway: Gateway) -> None:
    assert gateway("nodes", "trust-clock").exit_code == 0
    assert gateway("nodes", "adopt-folder").exit_code == 0
    assert _listed(gateway, "nodes") == []
    assert (gateway.folder / "blobs" / "folder-id").exists()


def _listed(gateway: Gateway, noun: str) -> list[dict[str, object]]:
    found = gateway.json(noun, "list", "--json")
    assert isinstance(found, list)
    return found
