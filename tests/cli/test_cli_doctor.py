"""gateway doctor on the command line: what it prints, and its exit code."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commands import Gateway, gateway_in
from simulated import running


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A gateway with one connection to a simulated axis."""
    made = gateway_in(tmp_path, monkeypatch)
    made.environment["GATEWAY_DISK_FREE_MB"] = "1"
    (tmp_path / "secret").write_text("first")
    with running(tmp_path / "axis", clock=lambda: datetime.now(UTC)) as axis:
        for line in (
            ("migrate",),
            (
                *("connections", "add", "truc-a", "--endpoint", axis.endpoint, "--system-id", "00.99.H99"),
                *("--secret-file", "secret", "--allow-plain-http"),
            ),
            ("units", "add", "H99.07", "--name", "Sở Nội vụ", "--connection", "truc-a"),
        ):
            assert made(*line).exit_code == 0
        yield made


def test_each_layer_is_one_line_with_its_mark_in_both_languages(gateway: Gateway) -> None:
    result = gateway("doctor", "truc-a")
    assert result.exit_code == 0, result.stdout
    assert "[OK] Cơ sở dữ liệu / Database: SQLite trả lời" in result.stdout
    assert "[CẢNH BÁO] Kết nối / Connection · truc-a" in result.stdout
    assert "[OK] Đơn vị gửi (from) / Sender (from) · truc-a · H99.07" in result.stdout
    assert "[LỖI]" not in result.stdout


def test_something_that_refuses_is_exit_code_1_and_says_what_to_do(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("another")
    result = gateway("doctor")
    assert result.exit_code == 1
    refusal = result.stdout.partition("[LỖI] Chữ ký")[2]
    assert "→ Compare systemId and secret" in refusal


def test_json_is_one_object_and_nothing_else(gateway: Gateway) -> None:
    printed = json.loads(gateway("doctor", "--json").stdout)
    assert printed["ok"] is True
    signature = next(check for check in printed["checks"] if check["layer"] == "signature")
    assert (signature["verdict"], signature["connection"]) == ("ok", "truc-a")
    assert set(signature["text"]) == {"vi", "en"}


def test_no_secret_is_shown(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("very-private-text")
    result = gateway("doctor")
    assert "very-private-text" not in result.stdout + result.stderr
