"""A place from which this machine is reached by another address than its loopback: a network of its own, if allowed."""

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_NUMBER = os.getpid()
SPACE, WIRE, FAR_END = (f"farm-{name}{_NUMBER}" for name in ("space", "a", "b"))
#: Of the networks that are there for measuring (RFC 2544); another for each process of the tests.
NETWORK = f"198.18.{_NUMBER % 256}"


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
    """In a network namespace with a wire to ours; where that is not allowed, here, by this machine's own address."""
    try:
        if _lay_the_wire():
            yield Visitor(f"{NETWORK}.1", ("ip", "netns", "exec", SPACE))
        else:
            yield Visitor(_own_address(), ())
    finally:
        for step in (f"ip link del {WIRE}", f"ip netns del {SPACE}"):
            with suppress(OSError):
                subprocess.run(step.split(), check=False, capture_output=True)


def _lay_the_wire() -> bool:
    for step in (
        f"ip netns add {SPACE}",
        f"ip link add {WIRE} type veth peer name {FAR_END} netns {SPACE}",
        f"ip address add {NETWORK}.1/24 dev {WIRE}",
        f"ip link set {WIRE} up",
        f"ip -n {SPACE} address add {NETWORK}.2/24 dev {FAR_END}",
        f"ip -n {SPACE} link set {FAR_END} up",
    ):
        try:
            subprocess.run(step.split(), check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect((f"{NETWORK}.9", 9))  # sends nothing
        return str(probe.getsockname()[0])
    return "127.0.0.2"
