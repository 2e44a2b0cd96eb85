"""How commands speak: lists, JSON, refusals and warnings; and the group that turns every refusal into exit code 1."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from typer.core import TyperGroup

from gateway.problems import Kind, Problem, Text

REFUSED = 1
WRONG_USAGE = 2
PACKET_REFUSED = 3


def now() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)


class Commands(TyperGroup):
    """The root of all commands: a Problem, or a file that cannot be had, is told on stderr, never as a stack trace."""

    def invoke(self, ctx: Any) -> Any:  # the context's type is private to typer
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            refuse(problem)
        except BrokenPipeError:
            raise
        except OSError as error:
            refuse(of_system(error))
        except ExceptionGroup as group:
            problems, others = group.split(Problem)
            if problems is None or others is not None:
                raise
            for each in _flat(problems):
                refuse(each)
        raise typer.Exit(REFUSED)


def refuse(problem: Problem) -> None:
    """A refusal on stderr: code and field, both languages, what to do; each of several."""
    for one in problem.causes or (problem,):
        at = f"  ({one.field})" if one.field else ""
        typer.echo(f"{typer.style('[LỖI]', fg='red')} {one.code}{at}", err=True)
        for line in (one.text.vi, one.text.en, f"→ {one.action.vi}", f"→ {one.action.en}"):
            typer.echo(f"  {one_line(line)}", err=True)


def warn(text: Text) -> None:
    """A warning on stderr, in both languages."""
    mark = typer.style("[CẢNH BÁO]", fg="yellow")
    typer.echo(f"{mark} {one_line(text.vi)}\n  {one_line(text.en)}", err=True)


def say(text: Text) -> None:
    """What was done, on stderr: stdout is for what programs read."""
    typer.echo(f"{one_line(text.vi)}\n{one_line(text.en)}", err=True)


def as_json(value: object) -> str:
    """The value as indented JSON, Vietnamese letters as they are."""
    from pydantic_core import to_jsonable_python

    return json.dumps(to_jsonable_python(value), ensure_ascii=False, indent=2)


def show(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, json_wanted: bool, narrow: Sequence[str] = ()
) -> None:
    """A list: JSON when wanted, a table on a terminal (only the columns of `narrow`, if any), else lines with tabs."""
    if json_wanted:
        typer.echo(as_json([dict(zip(columns, row, strict=True)) for row in rows]))
    elif sys.stdout.isatty():
        _table([(name, place) for place, name in enumerate(columns) if not narrow or name in narrow], rows)
    else:
        for row in (columns, *rows):
            typer.echo("\t".join(_cell(value) for value in row))


def one_line(text: str) -> str:
    """The text without line breaks, tabs and terminal controls: parts of it come from outside."""
    return "".join(character if character.isprintable() else " " for character in text)


def of_system(error: OSError) -> Problem:
    """What the operating system says about a file or a port."""
    where = f"{error.filename}: " if error.filename is not None else ""
    said = f"{where}{error.strerror or type(error).__name__}"
    return Problem(
        "system.refused",
        Kind.UNAVAILABLE,
        Text(f"Hệ điều hành từ chối: {said}.", f"The operating system refuses: {said}."),
        Text("Kiểm tra đường dẫn, quyền truy cập và dung lượng đĩa.", "Check the path, its permissions and the disk."),
    )


def _table(columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[object]]) -> None:
    from rich.console import Console  # slow to import, and only a terminal needs it
    from rich.table import Table
    from rich.text import Text as Styled

    table = Table()
    for name, _ in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Styled(_cell(row[place])) for _, place in columns))
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(sorted(map(str, value)) if isinstance(value, frozenset) else map(str, value))
    return one_line(str(value))


def _flat(group: BaseExceptionGroup[Problem]) -> list[Problem]:
    found: list[Problem] = []
    for one in group.exceptions:
        found += _flat(one) if isinstance(one, BaseExceptionGroup) else [one]
    return found
