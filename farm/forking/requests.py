"""What a fork server is asked for: read as it comes, so that one who says nothing keeps nobody waiting."""

import os
import socket
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from farm.errors import in_words

#: A whole environment is a few kilobytes, and the kernel takes no more than this.
_MOST_BYTES = 4_000_000
_PART_BYTES = 65_536


@dataclass(frozen=True)
class ForkRequest:
    """What a process shall be: its options, its whole environment, its working directory, its name for operators."""

    options: list[str]
    environment: dict[str, str]
    folder: str
    name: str


_REQUEST = TypeAdapter(ForkRequest)


class Asking:
    """One connection until its request is whole: a byte with three descriptors, then a line of JSON.

    The descriptors are one that the process is for, its stdout and its stderr.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.descriptors: list[int] = []
        self._received = b""

    def receive(self) -> bool:
        """Take what has come. Whether the line is whole; raises OSError, or ValueError for what is no request."""
        part, descriptors, _, _ = socket.recv_fds(self.connection, _PART_BYTES, 3)
        self.descriptors += descriptors
        self._received += part
        if not part or len(self._received) > _MOST_BYTES or len(self.descriptors) > 3:
            raise ValueError("this is no request")
        return b"\n" in part

    def request(self) -> ForkRequest:
        """Raises ValueError."""
        if len(self.descriptors) != 3:
            raise ValueError(f"three descriptors belong to a request; seen {len(self.descriptors)}")
        try:
            return _REQUEST.validate_json(self._received[1:].partition(b"\n")[0], strict=True)
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False)
            field = ".".join(map(str, first["loc"])) or "the request"
            raise ValueError(f"{field}: {in_words(first['msg'])}") from error

    def close_descriptors(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.pop())
