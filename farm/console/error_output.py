"""How errors reach whoever typed the command: words for people; with `--json` one problem document, for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

from farm.console.missing_packages import not_installed
from farm.console.output import say
from farm.errors import FarmError, UnusableDatabase, UnusableFile, WrongUsage
from farm.file_errors import file_error
from farm.problems import problem

#: The farm's own packages, which are always installed together.
_OWN = frozenset({"farm", "scheduler", "workers", "dashboard", "migrations"})

_as_json: ContextVar[bool] = ContextVar("errors_as_json", default=False)


class ExitCode(IntEnum):
    """What a command says to the shell."""

    OK = 0
    FAILED = 1  # a job did not end as done, or a download is not complete
    REFUSED = 2  # wrong usage, or the farm refused
    UNREACHABLE = 3  # the farm does not answer
    INTERRUPTED = 130  # Ctrl-C; jobs go on


def exit_code_of(error: FarmError) -> ExitCode:
    """Which exit code tells of this error."""
    return ExitCode(error.exit_code)


@contextmanager
def errors_as_json(asked: bool) -> Iterator[None]:
    """Within it errors are printed as JSON, if that was asked for."""
    before = _as_json.set(asked)
    try:
        yield
    finally:
        _as_json.reset(before)


def print_error(error: FarmError, about: str = "") -> None:
    """Print an error on stderr; `about` is which of several things it is about, such as the id of a job.

    As JSON it is a problem document (RFC 9457) in one line, with `exit_code` and, where there is one, `about`.
    """
    if _as_json.get():
        document = problem(error) | {"exit_code": exit_code_of(error)} | ({"about": about} if about else {})
        print(json.dumps(document), file=sys.stderr, flush=True)
        return
    say(f"{about}: {error}" if about else str(error), "red")


def farm_error(error: Exception) -> FarmError | None:
    """The error in the farm's own words, if it is no fault of the farm itself; None for one that is."""
    if isinstance(error, FarmError):
        return error
    if isinstance(error, OSError):
        return UnusableFile(file_error(error))
    if isinstance(error, UnicodeEncodeError) and error.encoding == "utf-8":
        return WrongUsage(f"A text holds half of a character: {error.object[error.start]!a}; type it in UTF-8.")
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] not in _OWN:
        return not_installed(error)
    if "sqlalchemy" not in sys.modules:  # not needed by most commands, and slow to import
        return None
    from sqlalchemy.exc import OperationalError

    from farm.database import trouble

    if isinstance(error, OperationalError):
        return UnusableDatabase(f"The database cannot be used: {trouble(error)}")
    return None
