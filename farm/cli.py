"""The command `farm`: collects the verbs of all installed packages and prints errors for people.

It imports nobody above `farm`. Verbs come from the modules of `farm.commands` and from the entry points of
the group `latent_farm.commands`; each such module has `register(app: typer.Typer) -> None`.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console

import farm.commands
from farm.errors import FarmError
from farm.file_errors import file_error

ENTRY_POINTS = "latent_farm.commands"
#: What a wrong setting, a refused request or a wrong use of the command ends with.
FAULT_EXIT_CODE = 2


def build_app() -> typer.Typer:
    """The whole command, with the verbs of every package that can be imported here.

    A package whose own needs are not installed (a control node without the worker's extra) is named at the
    end of `farm --help`, with what is missing; its verbs are left out.
    """
    app = typer.Typer(
        name="farm",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_farm)
    missing: list[str] = []
    for name in _command_modules():
        try:
            module: ModuleType = importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
            continue
        module.register(app)
    if missing:
        app.info.epilog = "Not available here: " + "; ".join(missing)
    return app


def _command_modules() -> Iterator[str]:
    for module in sorted(pkgutil.iter_modules(farm.commands.__path__), key=lambda found: found.name):
        yield f"farm.commands.{module.name}"
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda found: found.name):
        yield entry_point.value


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
    """Run the command; what is no fault of the farm itself becomes words on stderr and exit code 2, no traceback."""
    try:
        build_app()()
    except Exception as error:
        words = _in_words(error)
        if words is None:
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(words, style="red", markup=False)
        sys.exit(FAULT_EXIT_CODE)


def _in_words(error: Exception) -> str | None:
    """What to tell of an error that is no fault of the farm; None for one that is."""
    if isinstance(error, FarmError):
        return str(error)
    if isinstance(error, OSError):
        return file_error(error)
    if "sqlalchemy" not in sys.modules:  # not needed by most verbs, and slow to import
        return None
    from sqlalchemy.exc import OperationalError

    from farm.database import trouble

    return f"The database cannot be used: {trouble(error)}" if isinstance(error, OperationalError) else None


if __name__ == "__main__":
    main()
