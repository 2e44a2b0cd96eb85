"""A group of commands whose commonest one needs no name: `gateway backup PATH` is `gateway backup create PATH`."""

from typing import Any

from typer.core import TyperGroup


def group_with(usual: str) -> type[TyperGroup]:
    """A group in which what is no command's name is an argument of the `usual` one."""

    class Group(TyperGroup):
        """Puts the usual command's name before arguments that begin with none."""

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # the context's type is private to typer
            """The arguments, with a command's name in front."""
            if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
                args = [usual, *args]
            return super().parse_args(ctx, args)

    return Group
