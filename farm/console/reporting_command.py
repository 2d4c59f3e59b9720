"""What every command does before and after its own work: it refuses what was typed twice, and prints its errors.

Errors are printed here alone, so that `--json` has one form of them, and no command ends with a traceback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from farm.console.error_output import ExitCode, errors_as_json, exit_code_of, farm_error, print_error
from farm.console.output import err, say
from farm.errors import WrongUsage, in_words

#: What typer raises for wrong usage: the class above BadParameter, which has no public name.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


class _Reporting:
    """A command or a group of them."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        with _reported("--json" in args):
            return super().make_context(info_name, args, parent, **extra)  # type: ignore[misc]

    def parse_args(self, context: Any, args: list[str]) -> Any:
        if not context.resilient_parsing:
            self._refuse_repeated(context, list(args))
        return super().parse_args(context, args)  # type: ignore[misc]

    def invoke(self, context: Any) -> Any:
        with _reported(bool(context.params.get("as_json"))):
            return super().invoke(context)  # type: ignore[misc]

    def _refuse_repeated(self, context: Any, args: list[str]) -> None:
        """Of two values for one option the last would be taken, in silence. Raises BadParameter."""
        _, _, order = self.make_parser(context).parse_args(args=args)  # type: ignore[attr-defined]
        for option, times in Counter(order).items():
            if times > 1 and isinstance(option, TyperOption) and not (option.multiple or option.is_flag):
                text = f"is given {times} times and takes one value.{self._sweep_hint(option.name or '')}"
                raise typer.BadParameter(text, ctx=context, param=option)

    def _sweep_hint(self, name: str) -> str:
        if not any(option.name == "sweep" for option in self.params):  # type: ignore[attr-defined]
            return ""
        from farm.params.request.declared import SWEPT

        return f" To render with each: --sweep {name}=VALUE,VALUE" if name in SWEPT else ""


class ReportingCommand(_Reporting, TyperCommand):
    """A command that reports its errors."""


class ReportingGroup(_Reporting, TyperGroup):
    """Commands below one word, as in `farm keys create`."""


def with_errors_reported(app: typer.Typer) -> typer.Typer:
    """The same commands, each with the behaviour of this module."""
    for command in app.registered_commands:
        command.cls = ReportingCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.typer_instance.info.cls = ReportingGroup
            with_errors_reported(group.typer_instance)
    return app


@contextmanager
def _reported(as_json: bool) -> Iterator[None]:
    """Errors become words, or JSON, and an exit code; a fault of the farm itself stays what it is."""
    with errors_as_json(as_json):
        try:
            yield
        except UsageError as error:
            error.message = in_words(error.message)  # type: ignore[attr-defined]
            if not as_json and (err().is_terminal or not error.format_message()):  # type: ignore[attr-defined]
                raise  # typer shows it in a box as wide as the terminal, or the help where nothing was typed
            if not as_json and error.ctx is not None:  # type: ignore[attr-defined]
                say(f"Try '{error.ctx.command_path} --help'.")  # type: ignore[attr-defined]
            print_error(WrongUsage(error.format_message()))  # type: ignore[attr-defined]
            raise typer.Exit(ExitCode.REFUSED) from error
        except BrokenPipeError:
            raise  # who reads has read enough; typer ends quietly
        except Exception as error:
            told = farm_error(error)
            if told is None:
                raise
            print_error(told)
            raise typer.Exit(exit_code_of(told)) from error
