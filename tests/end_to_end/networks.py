"""Networks of their own on this machine: network namespaces, each with a wire to ours, where that is allowed."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from shutil import which

_OURS = os.getpid()
#: Of the networks that are there for measuring (RFC 2544); another for each process of the tests.
_RANGE = f"198.18.{_OURS % 256}"


@dataclass(frozen=True)
class Network:
    """One of them. `number`, 0 to 63, tells those of one process of the tests apart."""

    number: int

    @property
    def ours(self) -> str:
        """This machine's address, as it is known there."""
        return f"{_RANGE}.{4 * self.number + 1}"

    @property
    def theirs(self) -> str:
        """The address there, as it is known here."""
        return f"{_RANGE}.{4 * self.number + 2}"

    @property
    def command(self) -> Sequence[str]:
        """What comes before a command that runs there; it keeps its pid."""
        return (which("ip") or "ip", "netns", "exec", self._space)

    def cut(self) -> None:
        """From now on nothing gets through, and nobody is told; what was said meanwhile may arrive later."""
        _step(f"ip link set {self._wire} down")

    def mend(self) -> None:
        """Everything gets through again."""
        _step(f"ip link set {self._wire} up")

    @property
    def _range(self) -> str:
        return f"{_RANGE}.{4 * self.number}/30"

    @property
    def _space(self) -> str:
        return f"farm-{self.number}-{_OURS}"

    @property
    def _wire(self) -> str:  # at most 15 letters
        return f"fa{self.number}-{_OURS}"

    def lay(self) -> None:
        """Make it. Raises CalledProcessError or OSError where that is not allowed."""
        far = f"fb{self.number}-{_OURS}"
        for step in (
            f"ip netns add {self._space}",
            f"ip link add {self._wire} type veth peer name {far} netns {self._space}",
            f"ip address add {self.ours}/30 dev {self._wire}",
            f"ip link set {self._wire} up",
            # While the wire is cut nothing for it may leave this machine by another way.
            f"ip route add blackhole {self._range} metric 4096",
            f"ip -n {self._space} address add {self.theirs}/30 dev {far}",
            f"ip -n {self._space} link set {far} up",
            f"ip -n {self._space} link set lo up",
        ):
            _step(step)

    def remove(self) -> None:
        """Nothing is left of it, however much there was."""
        for step in (
            f"ip link del {self._wire}",
            f"ip route del blackhole {self._range} metric 4096",
            f"ip netns del {self._space}",
        ):
            with suppress(OSError, subprocess.CalledProcessError):
                _step(step)


@contextmanager
def networks(numbers: Sequence[int]) -> Iterator[Sequence[Network]]:
    """One for each number, or none at all where they are not allowed."""
    made = [Network(number) for number in numbers]
    try:
        yield made if _all_laid(made) else []
    finally:
        for network in made:
            network.remove()


def _all_laid(made: Sequence[Network]) -> bool:
    try:
        for network in made:
            network.lay()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _step(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)
