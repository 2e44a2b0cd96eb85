"""The command line as a whole: its commands, its version, how it refuses, how fast it starts."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from commands import Gateway, gateway_in
from typer.testing import CliRunner

from gateway.cli.console import Commands, show
from gateway.cli.root import app
from gateway.problems import Kind, Problem, Text

COMMANDS = [
    ("serve",),
    ("worker",),
    ("migrate",),
    ("axis-sim",),
    ("doctor",),
    *(("connections", name) for name in ("add", "list", "observe", "activate", "stop", "resume")),
    *(("units", name) for name in ("add", "list")),
    *(("clients", name) for name in ("add", "list", "revoke")),
    *(("webhooks", name) for name in ("add", "list", "rotate", "pause", "resume", "test", "replay", "remove")),
    *(("packet", name) for name in ("read", "build")),
]
HEAVY = ("sqlalchemy", "fastapi", "uvicorn", "lxml", "httpx2", "pydantic", "alembic", "rich.console", "asyncio")


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return gateway_in(tmp_path, monkeypatch)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_in_both_languages(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert not result.stdout.isascii()


def test_the_version_is_told(gateway: Gateway) -> None:
    assert gateway("--version").stdout.startswith("gateway 0.")


def test_start_up_imports_nothing_heavy() -> None:
    code = f"import sys, gateway.cli.root; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_refusal_goes_to_stderr_in_both_languages_with_what_to_do(gateway: Gateway) -> None:
    result = gateway("connections", "list")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "database.older" in result.stderr
    assert "→ Sao lưu rồi chạy lệnh `gateway migrate`." in result.stderr
    assert "→ Make a backup, then run `gateway migrate`." in result.stderr


def test_every_wrong_setting_is_named_and_no_value(gateway: Gateway) -> None:
    gateway.environment |= {"GATEWAY_DATABSE_URL": "x", "GATEWAY_PORT": "hidden-value"}
    result = gateway("units", "list")
    assert result.exit_code == 1
    assert "GATEWAY_DATABSE_URL" in result.stderr
    assert "GATEWAY_PORT" in result.stderr
    assert "hidden-value" not in result.stderr


def test_settings_may_come_from_a_file(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "settings").write_text(f"GATEWAY_DATABASE_URL=sqlite:///{tmp_path}/other.db\n")
    del gateway.environment["GATEWAY_DATABASE_URL"]
    assert gateway("--settings", tmp_path / "settings", "migrate").exit_code == 0
    assert (tmp_path / "other.db").exists()


def test_a_missing_command_is_wrong_usage(gateway: Gateway) -> None:
    assert gateway("connections", "destroy").exit_code == 2


def test_an_operating_system_error_is_no_stack_trace(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    packet = Path(__file__).parents[1] / "data/packets/own_status_03.edxml"
    result = gateway("packet", "read", packet, "--extract", tmp_path / "a-file" / "folder")
    assert result.exit_code == 1
    assert "system.refused" in result.stderr


def test_migrating_twice_changes_nothing(gateway: Gateway) -> None:
    assert "Made the database" in gateway("migrate").stderr
    assert "already" in gateway("migrate").stderr


def test_a_simulated_axis_that_is_declared_wrongly_does_not_start(gateway: Gateway) -> None:
    result = gateway("axis-sim", "--port", "0", "--system", "the-secret-alone")
    assert result.exit_code == 1
    assert "simulator.system" in result.stderr
    assert "the-secret-alone" not in result.stderr


@pytest.mark.process
def test_a_simulated_axis_says_where_it_is_ready(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from gateway.cli import main; main()"]
    command = [
        *program,
        "axis-sim",
        "--port",
        "0",
        "--system",
        "00.99.X99:secret:H99",
        "--fault",
        "slow=1s",
        "--seed",
        "1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("axis-sim ready on http://127.0.0.1:")
        process.terminate()


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_gateway_does_not_start_on_a_database_that_was_not_migrated(gateway: Gateway, command: str) -> None:
    result = gateway(command)
    assert (result.exit_code, "database.older" in result.stderr) == (1, True)


def test_a_terminal_gets_a_table_of_the_columns_that_matter(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show(("a", "b"), [("kẻ \x1b[31mlạ", frozenset({"y", "x"}))], json_wanted=False, narrow=("a",))
    printed = capsys.readouterr().out
    assert "kẻ  [31mlạ" in printed
    assert "x, y" not in printed


def test_values_in_a_pipe_stay_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(("a", "b", "c"), [("one\ttwo\nthree", None, frozenset({"y", "x"}))], json_wanted=False)
    assert capsys.readouterr().out.splitlines() == ["a\tb\tc", "one two three\t\tx, y"]


def test_refusals_of_tasks_that_ran_together_are_each_told() -> None:
    def refuse_together() -> None:
        found = [Problem(code, Kind.INVALID, Text("", ""), Text("", "")) for code in ("first.one", "second.one")]
        raise ExceptionGroup("tasks", [found[0], ExceptionGroup("inner", [found[1]])])

    commands = typer.Typer(cls=Commands)
    commands.callback()(lambda: None)
    commands.command("run")(refuse_together)
    result = CliRunner().invoke(commands, ["run"])
    assert result.exit_code == 1
    assert "first.one" in result.stderr
    assert "second.one" in result.stderr


def test_a_fault_of_the_program_itself_is_not_hidden() -> None:
    def fail() -> None:
        raise ExceptionGroup("tasks", [ValueError("a bug")])

    commands = typer.Typer(cls=Commands)
    commands.callback()(lambda: None)
    commands.command("run")(fail)
    assert isinstance(CliRunner().invoke(commands, ["run"]).exception, ExceptionGroup)
