"""Every `gateway …` that a page shows is a command that there is, with options that it takes."""

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from gateway.cli.root import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
OPERATING = ("clients", "connections", "webhooks", "desk", "nodes", "backup", "restore", "migrate", "serve", "worker")
GUIDES = [page for page in PAGES if page.name.startswith("operations")]
_BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_CALL = re.compile(r"^(?:\S*/)?gateway ((?!ready).*)$")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_those_of_the_program(page: Path) -> None:
    assert [f"{call}: {problem}" for call in _calls(page) if (problem := _problem(call))] == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda page: page.name)
def test_the_operations_guides_show_every_command_of_an_operator(guide: Path) -> None:
    shown = {_path(call) for call in _calls(guide)}
    missing = [path for path in _every(_root(), ()) if path not in shown and path[0] in OPERATING]
    assert [" ".join(path) for path in missing] == []


def _calls(page: Path) -> Iterator[str]:
    """What follows `gateway` in blocks and in the text, without what a shell does with it."""
    text = page.read_text(encoding="utf-8")
    blocks = "\n".join(block for kind, block in _BLOCK.findall(text) if kind in ("", "sh")).replace("\\\n", " ")
    lines = [*blocks.splitlines(), *_SPAN.findall(_BLOCK.sub("", text))]
    for line in lines:
        if match := _CALL.match(re.sub(r"^docker exec \S+ ", "", line.strip())):
            yield re.split(r" #|\||&|>", match[1])[0].strip()


@functools.cache
def _root() -> TyperGroup:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return root


def _every(group: TyperGroup, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _every(command, (*path, name))
        else:
            yield (*path, name)


def _found(call: str) -> tuple[TyperCommand | TyperGroup, tuple[str, ...], list[str]]:
    """The command, its path, and what is left of the call; `backup` and `restore` have a command that needs no name."""
    command: TyperCommand | TyperGroup = _root()
    words = shlex.split(call)
    path: tuple[str, ...] = ()
    if words[:1] == ["--settings"]:
        words = words[2:]
    while words and isinstance(command, TyperGroup):
        named = command.commands.get(words[0])
        usual = {"backup": "create", "restore": "run"}.get(path[-1]) if path else None
        if named is not None:
            path, words = (*path, words[0]), words[1:]
        elif usual is not None:
            named, path = command.commands[usual], (*path, usual)
        else:
            break
        assert isinstance(named, TyperCommand | TyperGroup)
        command = named
    return command, path, words


def _path(call: str) -> tuple[str, ...]:
    return _found(call)[1]


def _problem(call: str) -> str | None:
    command, _, words = _found(call)
    options = {"--help", "--version"} | {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in options]
    if unknown:
        return f"no option {unknown[0]}"
    if isinstance(command, TyperGroup) and any(not word.startswith("-") and word != "…" for word in words):
        return "no such command"
    return None
