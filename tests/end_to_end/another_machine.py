"""A place from which this machine is reached by another address than its loopback: a network of its own, if allowed."""

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.end_to_end.networks import networks


@dataclass(frozen=True)
class Visitor:
    """`address` is this machine's, as the visitor knows it; `command` comes before what the visitor runs."""

    address: str
    command: Sequence[str]

    def get(self, url: str, *options: str) -> str:
        """What curl brings there. Raises CalledProcessError when it does not."""
        asked = [*self.command, "curl", "-fsS", "--noproxy", "*", *options, url]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


@contextmanager
def visitor() -> Iterator[Visitor]:
    """In a network of its own; where that is not allowed, here, by this machine's own address."""
    with networks([0]) as made:
        yield Visitor(made[0].ours, made[0].command) if made else Visitor(_own_address(), ())


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("198.18.0.9", 9))  # sends nothing
        return str(probe.getsockname()[0])
    return "127.0.0.2"
