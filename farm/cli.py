"""The command `farm`: lists those below it of all packages, imports the one that is used, prints errors for people.

It imports nobody above `farm`. Its commands stand in `farm.command_table`, and in the modules that entry points
of the group `latent_farm.commands` name: each has `COMMANDS`, as `farm.command_table` does, or
`register(app: typer.Typer) -> None`.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points, version
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from farm.command_table import COMMANDS, Command
from farm.garbage_collector import collector_paused

ENTRY_POINTS = "latent_farm.commands"


class LazyCommand(TyperCommand):
    """Stands for a command until it is used: its module is imported then, and not to list it."""

    def __init__(self, name: str, command: Command) -> None:
        super().__init__(name=name, help=command.summary, callback=None)
        self._module = command.module

    def load(self) -> Any:
        """The command itself, or a group of them. Raises CommandNotInstalled."""
        assert self.name is not None
        from farm.console.reporting_command import with_errors_reported

        app = typer.Typer()
        try:
            with collector_paused():
                importlib.import_module(self._module).register(app)
        except ImportError as error:
            from farm.console.missing_packages import not_installed

            raise not_installed(error, self.name) from error
        return get_group(with_errors_reported(app)).commands[self.name]

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """The context of the command itself, which then runs, or completes what is typed."""
        return self.load().make_context(*arguments, **options)


class CommandGroup(TyperGroup):
    """The commands of every package, each imported when it is used."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        lazy = {name: LazyCommand(name, command) for table in _command_tables() for name, command in table.items()}
        self.commands = {**lazy, **self.commands}

    def resolve_command(self, context: Any, args: list[str]) -> Any:
        """The command that is meant; who types `help` is told the option."""
        if get_close_matches(args[0], ["help"]) and args[0] not in self.commands:
            context.fail(f"No such command {args[0]!r}. Did you mean 'farm --help', or 'farm COMMAND --help'?")
        return super().resolve_command(context, args)


def build_app() -> typer.Typer:
    """The whole command. A plugin's package that cannot be imported is named at the end of `farm --help`."""
    app = typer.Typer(
        name="farm",
        cls=CommandGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_farm)
    missing: list[str] = []
    for name, module in _installed():
        if isinstance(module, ImportError):
            missing.append(f"{name} ({module})")
        elif not hasattr(module, "COMMANDS"):
            module.register(app)
    if missing:
        app.info.epilog = "Not available here: " + "; ".join(missing)
    return app


def _command_tables() -> Iterator[Mapping[str, Command]]:
    yield COMMANDS
    yield from (module.COMMANDS for _, module in _installed() if hasattr(module, "COMMANDS"))


def _installed() -> Iterator[tuple[str, ModuleType | ImportError]]:
    """The modules that entry points name, or why one cannot be imported."""
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda found: found.name):
        try:
            yield entry_point.value, importlib.import_module(entry_point.value)
        except ImportError as error:
            yield entry_point.value, error


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"farm {version('latent-farm')}")
        raise typer.Exit


def _farm(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Latent Farm: a self-hosted, distributed render farm for diffusion models."""


def main() -> None:
    """Run the command; what is no fault of the farm itself becomes words on stderr and an exit code, no traceback."""
    try:
        build_app()()
    except Exception as error:  # outside of any command: one is not installed, say; commands report their own
        from farm.console.error_output import exit_code_of, farm_error, print_error

        told = farm_error(error)
        if told is None:
            raise
        print_error(told)
        sys.exit(exit_code_of(told))


if __name__ == "__main__":
    main()
