"""connections, units and clients on the command line."""

import json
import shutil
import stat
from pathlib import Path

import pytest
from commands import Gateway, gateway_in

SDK = "service.endpoint=http\\://10.0.0.1\\:8080/XrdAdapter/adapter\nsystemid = 00.99.X99\nsecret=QWJj\\=\\=\n"


@pytest.fixture
def gateway(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    shutil.copyfile(sqlite_template, tmp_path / "gateway.db")
    return gateway_in(tmp_path, monkeypatch)


@pytest.fixture
def connected(gateway: Gateway, tmp_path: Path) -> Gateway:
    (tmp_path / "secret").write_text("a secret\n")
    added = gateway(
        *("connections", "add", "truc-a", "--endpoint", "https://axis.example/adapter/", "--system-id", "00.99.X99"),
        *("--secret-file", "secret", "--poll-seconds", "60", "--max-connections", "2"),
    )
    assert added.exit_code == 0, added.stderr
    return gateway


@pytest.fixture
def staffed(connected: Gateway) -> Gateway:
    added = connected(
        *("units", "add", "H99.07", "--name", "Sở Nội vụ", "--connection", "truc-a"),
        *("--alias", "000.00.07.H99", "--organ-add", "Số 1", "--email", "a@example.gov.vn"),
    )
    assert added.exit_code == 0, added.stderr
    return connected


def connection(gateway: Gateway) -> dict[str, object]:
    listed = gateway.json("connections", "list", "--json")
    assert isinstance(listed, list)
    (only,) = listed
    return dict(only)


def test_a_new_connection_observes_and_names_the_place_of_its_secret(connected: Gateway, tmp_path: Path) -> None:
    found = connection(connected)
    assert found["mode"] == "observe"
    assert found["endpoint"] == "https://axis.example/adapter"
    assert found["secret_source"] == f"file:{tmp_path / 'secret'}"
    assert (found["poll_seconds"], found["max_connections"]) == (60, 2)


def test_a_list_in_a_pipe_is_lines_with_tabs(connected: Gateway) -> None:
    head, row = connected("connections", "list").stdout.splitlines()
    assert dict(zip(head.split("\t"), row.split("\t"), strict=True))["system_id"] == "00.99.X99"


def test_a_secret_that_cannot_be_read_yet_is_only_warned_of(gateway: Gateway) -> None:
    result = gateway(
        *("connections", "add", "a", "--endpoint", "https://axis.example/a", "--system-id", "X"),
        *("--secret-env", "NO_SUCH_VARIABLE_HERE"),
    )
    assert result.exit_code == 0
    assert "[CẢNH BÁO]" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--endpoint", "https://axis.example/a"),
        ("--endpoint", "https://axis.example/a", "--system-id", "X"),
        ("--endpoint", "https://axis.example/a", "--system-id", "X", "--secret-file", "f", "--secret-env", "E"),
        ("--from-sdk", "no-such-file", "--secret-file", "f"),
    ],
)
def test_a_connection_not_wholly_described_is_wrong_usage(gateway: Gateway, arguments: tuple[str, ...]) -> None:
    assert gateway("connections", "add", "a", *arguments).exit_code == 2
    assert gateway.json("connections", "list", "--json") == []


def test_the_sdk_file_is_taken_over_and_its_secret_moved_to_a_private_file(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "sdk.properties").write_text(SDK)
    result = gateway(
        *("connections", "add", "a", "--from-sdk", "sdk.properties", "--secret-file", "secret", "--allow-plain-http")
    )
    assert result.exit_code == 0, result.stderr
    assert connection(gateway)["endpoint"] == "http://10.0.0.1:8080/XrdAdapter/adapter"
    assert connection(gateway)["system_id"] == "00.99.X99"
    assert (tmp_path / "secret").read_text() == "QWJj==\n"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert b"QWJj" not in (tmp_path / "gateway.db").read_bytes()


def test_an_sdk_file_as_java_writes_it_is_read(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "sdk.properties").write_bytes(b"# qu\xe9\nservice.endpoint=https://a.example/b\nsystemid=X\n")
    result = gateway("connections", "add", "a", "--from-sdk", "sdk.properties", "--secret-file", "secret")
    assert result.exit_code == 0, result.stderr
    assert not (tmp_path / "secret").exists()


def test_a_refused_take_over_leaves_no_secret_behind(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "sdk.properties").write_text(SDK)
    result = gateway("connections", "add", "a", "--from-sdk", "sdk.properties", "--secret-file", "secret")
    assert result.exit_code == 1
    assert "connection.plain_http" in result.stderr
    assert not (tmp_path / "secret").exists()


def test_a_secret_file_is_never_written_over(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "sdk.properties").write_text(SDK)
    (tmp_path / "secret").write_text("older\n")
    result = gateway(
        *("connections", "add", "a", "--from-sdk", "sdk.properties", "--secret-file", "secret", "--allow-plain-http")
    )
    assert "secret.file_exists" in result.stderr
    assert (tmp_path / "secret").read_text() == "older\n"
    assert gateway.json("connections", "list", "--json") == []


def test_a_dry_run_shows_the_cut_off_and_activates_nothing(connected: Gateway) -> None:
    shown = connected.json("connections", "activate", "truc-a", "--since", "2026-01-31", "--dry-run")
    assert shown == {
        "connection": "truc-a",
        "cut_off": "2026-01-31T00:00:00+07:00",
        "before": 0,
        "since": 0,
        "undated": 0,
    }
    assert connection(connected)["mode"] == "observe"


def test_activation_asks_first(connected: Gateway) -> None:
    assert connected("connections", "activate", "truc-a", "--since", "2026-01-31", input="n\n").exit_code == 1
    assert connection(connected)["mode"] == "observe"
    assert connected("connections", "activate", "truc-a", "--since", "2026-01-31", input="y\n").exit_code == 0
    assert connection(connected)["cut_off"] == "2026-01-31T00:00:00+07:00"


def test_today_is_midnight_in_vietnam(connected: Gateway) -> None:
    assert connected("connections", "activate", "truc-a", "--since", "today", "--yes").exit_code == 0
    assert str(connection(connected)["cut_off"]).endswith("T00:00:00+07:00")


@pytest.mark.parametrize("since", ["2026-02-30", "31/01/2026", "", "tomorrow"])
def test_a_cut_off_that_is_no_day_is_wrong_usage(connected: Gateway, since: str) -> None:
    assert connected("connections", "activate", "truc-a", "--since", since, "--yes").exit_code == 2


def test_a_cut_off_in_the_future_is_refused(connected: Gateway) -> None:
    result = connected("connections", "activate", "truc-a", "--since", "2199-01-01", "--yes")
    assert (result.exit_code, "connection.cut_off" in result.stderr) == (1, True)


def test_a_connection_goes_back_to_observing(connected: Gateway) -> None:
    connected("connections", "activate", "truc-a", "--since", "today", "--yes")
    assert connected("connections", "observe", "truc-a").exit_code == 0
    assert connection(connected)["mode"] == "observe"


def test_a_connection_is_stopped_and_resumed(connected: Gateway) -> None:
    assert connected("connections", "stop", "truc-a", "--reason", "maintenance").exit_code == 0
    assert connection(connected)["stopped_reason"] == "maintenance"
    assert connected("connections", "resume", "truc-a").exit_code == 0
    assert connection(connected)["stopped_reason"] is None


def test_a_connection_is_changed_and_what_was_not_named_stays(connected: Gateway) -> None:
    before = connection(connected)
    assert connected("connections", "change", "truc-a", "--max-connections", "6", "--secret-env", "KHOA").exit_code == 0
    assert connection(connected) == before | {"max_connections": 6, "secret_source": "env:KHOA"}


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (["--max-connections", "11"], 1),
        (["--endpoint", "http://axis.example/adapter"], 1),
        (["--secret-env", "A", "--secret-file", "b"], 2),
    ],
)
def test_a_change_that_cannot_be_leaves_a_connection_as_it_was(
    connected: Gateway, options: list[str], exit_code: int
) -> None:
    before = connection(connected)
    assert connected("connections", "change", "truc-a", *options).exit_code == exit_code
    assert connection(connected) == before


def test_the_axiss_own_words_are_no_reason_of_a_person(connected: Gateway) -> None:
    assert connected("connections", "stop", "truc-a", "--reason", "axis_15").exit_code == 2


def test_a_reason_with_blanks_is_wrong_usage(connected: Gateway) -> None:
    assert connected("connections", "stop", "truc-a", "--reason", "bảo trì máy").exit_code == 2


@pytest.mark.parametrize("command", ["observe", "stop", "resume"])
def test_an_unknown_connection_is_named(gateway: Gateway, command: str) -> None:
    result = gateway("connections", command, "nowhere")
    assert (result.exit_code, "connection.unknown" in result.stderr) == (1, True)


def test_a_unit_is_listed_with_its_other_codes(staffed: Gateway) -> None:
    assert staffed.json("units", "list", "--json") == [
        {
            "code": "H99.07",
            "name": "Sở Nội vụ",
            "connection": "truc-a",
            "aliases": ["000.00.07.H99"],
            "organization_in_charge": None,
            "organ_add": "Số 1",
            "email": "a@example.gov.vn",
            "telephone": None,
            "fax": None,
            "website": None,
        }
    ]


def test_every_fault_of_a_unit_is_told_at_once(connected: Gateway) -> None:
    result = connected("units", "add", "Mã sai", "--name", " ", "--connection", "nowhere")
    assert result.exit_code == 1
    assert all(code in result.stderr for code in ("unit.code", "unit.name", "unit.connection"))


def test_a_key_is_printed_once_and_works_nowhere_else(staffed: Gateway, tmp_path: Path) -> None:
    result = staffed("clients", "add", "QLVB tỉnh", "--unit", "000.00.07.H99")
    key = result.stdout.strip()
    assert key.startswith("ltg_")
    assert key not in result.stderr
    assert "not shown again" in result.stderr
    (listed,) = json.loads(staffed("clients", "list", "--json").stdout)
    assert (listed["name"], listed["units"], listed["key_prefix"]) == ("QLVB tỉnh", ["H99.07"], key.split("_")[1])
    assert key.encode() not in (tmp_path / "gateway.db").read_bytes()


def test_a_key_may_go_to_a_private_file_instead(staffed: Gateway, tmp_path: Path) -> None:
    result = staffed("clients", "add", "qlvb", "--unit", "H99.07", "--key-file", "key")
    assert result.stdout == ""
    assert (tmp_path / "key").read_text().startswith("ltg_")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_key_file_that_exists_keeps_the_client_from_being_made(staffed: Gateway, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("older")
    assert staffed("clients", "add", "qlvb", "--unit", "H99.07", "--key-file", "key").exit_code == 1
    assert staffed.json("clients", "list", "--json") == []
    assert (tmp_path / "key").read_text() == "older"


def test_a_client_of_an_unknown_unit_is_refused_and_leaves_no_key_file(staffed: Gateway, tmp_path: Path) -> None:
    result = staffed("clients", "add", "qlvb", "--unit", "H98", "--key-file", "key")
    assert (result.exit_code, "unit.unknown" in result.stderr) == (1, True)
    assert not (tmp_path / "key").exists()


def test_a_revoked_client_is_shown_so(staffed: Gateway) -> None:
    staffed("clients", "add", "qlvb", "--unit", "H99.07")
    assert staffed("clients", "revoke", "qlvb").exit_code == 0
    (listed,) = json.loads(staffed("clients", "list", "--json").stdout)
    assert listed["revoked_at"] is not None
    assert staffed("clients", "revoke", "qlvb").exit_code == 1
