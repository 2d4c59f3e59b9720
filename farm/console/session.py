"""What every command that talks to a farm shares: the client, the words for errors, and the exit codes.

Answers go to stdout; progress, notices and errors go to stderr, so that stdout can be piped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import stamina.instrumentation
import typer
from rich.console import Console
from rich.text import Text

from farm.client import DownloadIncomplete, FarmClient, FarmUnreachable, WaitTimeout
from farm.client.replies import Reply
from farm.errors import FarmError
from farm.file_errors import file_error

#: Seconds for which a command tries to reach the farm before it gives up.
RETRY_SECONDS = 5.0


class ExitCode(IntEnum):
    """What a command says to the shell."""

    OK = 0
    FAILED = 1  # a job did not end as done, or a download is not complete
    REFUSED = 2  # wrong usage, or the farm refused
    UNREACHABLE = 3  # the farm does not answer
    INTERRUPTED = 130  # Ctrl-C; jobs go on


def out() -> Console:
    """Where answers go. Made anew each time: tests and pipes change sys.stdout."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def err() -> Console:
    """Where everything else goes."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def clean(text: str) -> str:
    """The text without characters that could command a terminal: what a farm says may come from anybody."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def say(text: str, style: str = "") -> None:
    """A remark for people."""
    err().print(Text(clean(text), style))


def print_json(answer: Reply | dict[str, Any] | Iterable[Reply]) -> None:
    """One line of JSON on stdout."""
    print(json.dumps(_plain(answer), ensure_ascii=sys.stdout.encoding.lower() != "utf-8"), flush=True)


def _plain(answer: Any) -> Any:
    if isinstance(answer, Reply):
        return answer.model_dump(mode="json", by_alias=True)
    if isinstance(answer, dict):
        return {key: _plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple | Iterator):
        return [_plain(value) for value in answer]
    return answer


@contextmanager
def farm_at_hand() -> Iterator[FarmClient]:
    """A client for one command. What goes wrong is said in words on stderr and becomes the exit code."""
    report_retries()
    with faults_in_words(), FarmClient(retry_seconds=RETRY_SECONDS) as farm:
        yield farm


@contextmanager
def faults_in_words() -> Iterator[None]:
    """Errors of the farm and about files as words and an exit code, never as a traceback."""
    try:
        yield
    except OSError as error:
        say(file_error(error), "red")
        raise typer.Exit(ExitCode.REFUSED) from error
    except FarmError as error:
        say(str(error), "red")
        raise typer.Exit(exit_code_of(error)) from error


def exit_code_of(error: FarmError) -> ExitCode:
    """Which exit code tells of this error."""
    if isinstance(error, FarmUnreachable):
        return ExitCode.UNREACHABLE
    if isinstance(error, DownloadIncomplete | WaitTimeout):
        return ExitCode.FAILED
    return ExitCode.REFUSED


def report_retries() -> None:
    """Tell people, on stderr, why nothing seems to happen. By itself stamina writes every retry to stdout."""
    stamina.instrumentation.set_on_retry_hooks([_report_retry])


def _report_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """The first failure is not worth a word."""
    if details.retry_num == 2:
        say(f"{details.caused_by} Trying again …", "yellow")
