"""Files of strangers are read in a process of their own, with limits on its memory and its processor time.

A decoder (Pillow and the libraries behind it) or a parser can be made to take gigabytes or minutes by a file of a few
kilobytes, and what it holds meanwhile is the whole process: a thread could neither be stopped nor be kept from taking
all memory. So each file gets a fresh interpreter, which the kernel ends at its limits; nothing of one file is left for
the next, and its environment holds none of the farm's secrets.
"""

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farm.errors import Busy, Fault, InvalidRequest

#: Of the machine: one file more would take the time from those who are waiting for a page.
AT_ONCE = max(1, (os.cpu_count() or 1) // 2)
#: Of the environment. The rest holds passwords.
_HANDED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
_places = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Limits:
    """What one process may take: memory in bytes (of addresses), processor time and waiting in seconds."""

    memory: int
    processor_seconds: int = 60
    wait_seconds: float = 600.0

    def apply(self) -> None:
        """Bind the process that calls this; it also steps back behind all others."""
        resource.setrlimit(resource.RLIMIT_AS, (self.memory, self.memory))
        resource.setrlimit(resource.RLIMIT_CPU, (self.processor_seconds, self.processor_seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(10)


def run_confined(module: str, arguments: Sequence[str], limits: Limits, what: str) -> Any:
    """What `python -m module limits… arguments…` answers on its standard output, as JSON.

    `what` names the file in errors: 'the picture'. Waits for a place when too many run.

    Raises InvalidRequest when it came to its limits, Busy when it cannot be started.
    """
    bounds = [str(limits.memory), str(limits.processor_seconds)]
    command = [sys.executable, "-P", "-m", module, *bounds, *arguments]
    with _places:
        try:
            done = subprocess.run(
                command,
                env={name: os.environ[name] for name in _HANDED_ON if name in os.environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limits.wait_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _too_much(what, limits) from error
        except OSError as error:  # no memory or no process is left on this machine
            raise Busy("This farm cannot look at files at the moment; try again later.") from error
    try:
        return json.loads(done.stdout)
    except ValueError as error:  # it was ended before it could say anything
        raise _too_much(what, limits) from error


def _too_much(what: str, limits: Limits) -> InvalidRequest:
    megabytes, seconds = limits.memory // 1_000_000, limits.processor_seconds
    fault = Fault(
        "",
        f"{what} takes more than {megabytes:,} MB or {seconds} seconds to be read; send a smaller one, or save it "
        "again and send that",
    )
    return InvalidRequest([fault])
