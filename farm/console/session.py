"""What every command that talks to a farm shares: the client, and what is printed while it is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import stamina.instrumentation

from farm.client import FarmClient
from farm.console.error_output import ExitCode as ExitCode
from farm.console.error_output import exit_code_of as exit_code_of
from farm.console.error_output import print_error as print_error
from farm.console.output import JsonOption as JsonOption
from farm.console.output import clean as clean
from farm.console.output import err as err
from farm.console.output import out as out
from farm.console.output import print_json as print_json
from farm.console.output import say as say

#: Seconds for which a command tries to reach the farm before it gives up.
RETRY_SECONDS = 5.0


@contextmanager
def farm_at_hand() -> Iterator[FarmClient]:
    """A client for one command."""
    report_retries()
    with FarmClient(retry_seconds=RETRY_SECONDS) as farm:
        yield farm


def report_retries() -> None:
    """Tell people, on stderr, why nothing seems to happen. By itself stamina writes every retry to stdout."""
    stamina.instrumentation.set_on_retry_hooks([_report_retry])


def _report_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """The first failure is not worth a word."""
    if details.retry_num == 2:
        say(f"{details.caused_by} Trying again …", "yellow")
