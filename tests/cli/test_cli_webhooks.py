"""webhooks on the command line."""

import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from commands import Gateway, gateway_in

NEW = ("webhooks", "add", "https://qlvb.example/hook", "--unit", "H99.07")


@pytest.fixture
def gateway(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    shutil.copyfile(sqlite_template, tmp_path / "gateway.db")
    (tmp_path / "secret").write_text("a secret\n")
    made = gateway_in(tmp_path, monkeypatch)
    made.environment["GATEWAY_HANDOVER_WEBHOOK_HOSTS"] = "qlvb.example,127.0.0.1"
    for command in (
        (
            "connections",
            "add",
            "truc",
            "--endpoint",
            "https://axis.example",
            "--system-id",
            "1",
            "--secret-file",
            "secret",
        ),
        ("units", "add", "H99.07", "--name", "Sở Nội vụ", "--connection", "truc"),
    ):
        done = made(*command)
        assert done.exit_code == 0, done.stderr
    return made


@pytest.fixture
def added(gateway: Gateway) -> Gateway:
    done = gateway(*NEW, "--secret-file", "hook", "--hands-over")
    assert done.exit_code == 0, done.stderr
    return gateway


def only(gateway: Gateway) -> dict[str, Any]:
    listed = gateway.json("webhooks", "list", "--json")
    assert isinstance(listed, list)
    (one,) = listed
    return dict(one)


def test_add_makes_a_secret_that_nobody_else_reads_and_keeps_only_its_place(added: Gateway, tmp_path: Path) -> None:
    found = only(added)
    assert (tmp_path / "hook").read_text().startswith("whsec_")
    assert stat.S_IMODE((tmp_path / "hook").stat().st_mode) == 0o600
    assert found["secret_sources"] == [f"file:{tmp_path / 'hook'}"]
    assert (found["name"], found["state"], found["hands_over"]) == ("qlvb.example", "active", True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("webhooks", "add", "https://other.example/", "--unit", "H99.07"), "webhook.host_not_allowed"),
        (("webhooks", "add", "http://qlvb.example/", "--unit", "H99.07"), "webhook.plain_http"),
        (("webhooks", "add", "https://a:b@qlvb.example/", "--unit", "H99.07"), "webhook.url"),
        (("webhooks", "add", "https://qlvb.example/?key=1", "--unit", "H99.07"), "webhook.url"),
        ((*NEW, "--group", "everything"), "webhook.groups"),
        ((*NEW, "--group", "alarm", "--hands-over"), "webhook.hands_nothing_over"),
        ((*NEW, "--name", "Tên"), "webhook.name"),
        (("webhooks", "add", "https://qlvb.example/", "--unit", "H12"), "unit.unknown"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_secret(
    gateway: Gateway, tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    done = gateway(*arguments, "--secret-file", "hook")
    assert (done.exit_code, code in done.stderr) == (1, True)
    assert not (tmp_path / "hook").exists()


def test_a_file_that_holds_no_secret_is_refused(gateway: Gateway) -> None:
    done = gateway(*NEW, "--secret-file", "secret")
    assert (done.exit_code, "webhook.secret" in done.stderr) == (1, True)


def test_a_secret_is_rotated_in_two_steps(added: Gateway, tmp_path: Path) -> None:
    assert added("webhooks", "rotate", "qlvb.example", "--secret-file", "hook2").exit_code == 0
    both = only(added)["secret_sources"]
    assert added("webhooks", "rotate", "qlvb.example", "--finish").exit_code == 0
    assert both == [f"file:{tmp_path / 'hook2'}", f"file:{tmp_path / 'hook'}"]
    assert only(added)["secret_sources"] == both[:1]


def test_it_is_paused_resumed_replayed_and_removed(added: Gateway) -> None:
    added("webhooks", "pause", "qlvb.example")
    paused = only(added)
    added("webhooks", "resume", "qlvb.example")
    assert (paused["state"], paused["paused_reason"], only(added)["state"]) == ("paused", "operator", "active")
    assert added("webhooks", "replay", "qlvb.example", "--from", "2026-11-22T08:30").exit_code == 0
    assert added("webhooks", "replay", "qlvb.example", "--from", "hôm qua").exit_code == 2
    assert added("webhooks", "remove", "qlvb.example", "--yes").exit_code == 0
    assert added.json("webhooks", "list", "--json") == []


def test_a_test_call_says_what_came_of_it(gateway: Gateway) -> None:
    url = "http://127.0.0.1:1/hook"
    gateway("webhooks", "add", url, "--unit", "H99.07", "--secret-file", "hook", "--allow-plain-http")
    done = gateway("webhooks", "test", "127.0.0.1")
    assert (done.exit_code, "connect" in done.stderr) == (1, True)


def test_an_unknown_one_is_told(gateway: Gateway) -> None:
    done = gateway("webhooks", "pause", "khong-co")
    assert (done.exit_code, "webhook.unknown" in done.stderr) == (1, True)
