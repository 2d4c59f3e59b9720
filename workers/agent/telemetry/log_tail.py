"""What an engine process wrote last: its stderr goes on to ours without secrets, and the last lines are kept."""

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

KEPT_LINES = 50
LINE_CHARS = 500  # of a kept line: a traceback may quote a whole request
_STDERR = 2


class LogTail:
    """The last lines of one engine after the other.

    Parameters:
        redact: takes the secrets out of a line; what was not redacted is neither kept nor passed on.
        pass_on: where the lines go, besides; our own stderr.
        tell: hears of each line too.
    """

    def __init__(
        self,
        redact: Callable[[str], str],
        pass_on: Callable[[bytes], object] | None = None,
        tell: Callable[[str], object] | None = None,
    ) -> None:
        self._redact = redact
        self._tell = tell or (lambda line: None)
        self._pass_on = pass_on or (lambda line: os.write(_STDERR, line))
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._lock = threading.Lock()

    def follow(self, stream: IO[bytes]) -> threading.Thread:
        """Read `stream` to its end in a thread of its own, which is returned; the pipe never fills up."""
        thread = threading.Thread(target=self._read, args=[stream], name="engine-log", daemon=True)
        thread.start()
        return thread

    def lines(self) -> str | None:
        """The last lines; None when nothing was written."""
        with self._lock:
            return "\n".join(self._lines) or None

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                line = self._redact(raw.decode("utf-8", "replace").rstrip("\r\n").replace("\x00", ""))
                with self._lock:
                    self._lines.append(line[:LINE_CHARS])
                self._tell(line)
                try:
                    self._pass_on(f"{line}\n".encode())
                except OSError:
                    continue  # nobody reads our own stderr any more: the engine goes on all the same
