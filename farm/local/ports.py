"""Free ports on the loopback interface; the data folder remembers them for the next start."""

import json
import random
import socket
from collections.abc import Iterable
from pathlib import Path

from farm.errors import InUse

#: Below the ports that Linux gives to outgoing connections (32768 and up), so that nobody takes one between
#: our look and the server's.
FIRST, LAST = 10_000, 22_000
#: SeaweedFS listens for gRPC at each of its ports plus this.
GRPC_OFFSET = 10_000
HOST = "127.0.0.1"


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen at this port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


class Ports:
    """Ports by name: 's3', 'postgres', …; kept in a JSON file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def known(self, name: str) -> int | None:
        """The port that this name had last; None: it never had one."""
        return self._ports.get(name)

    def take(self, name: str, preferred: int | None = None, also: Iterable[int] = (0,)) -> int:
        """The first free one of: `preferred`, the one this name had last time, any other.

        `also` are offsets to it that must be free too. Raises InUse when no port is free.
        """
        offsets = tuple(also)
        others = [port for other, port in self._ports.items() if other != name]
        # SeaweedFS does not start where one of its ports is another's for gRPC, told or not.
        taken = {port + step for port in others for step in (0, GRPC_OFFSET, -GRPC_OFFSET)}
        guesses = random.sample(range(FIRST, LAST), 200)
        for port in [preferred, self._ports.get(name), *guesses]:
            if port and port not in taken and all(is_free(port + offset) for offset in offsets):
                self._ports[name] = port
                self._path.write_text(json.dumps(self._ports, indent=2) + "\n")
                return port
        raise InUse(f"No free port was found on {HOST}.")
