"""The newest lines of this worker's log, and of its engine's, for operators who look at its page: kept in Redis.

What is told here was redacted before. While Redis is away the newest lines wait; nobody waits for it.
"""

import threading
from collections import deque

from farm.progress import LOG_LINES, LogLine, ProgressBoard

#: Of a line: a traceback is many lines in one.
LINE_CHARS = 4_000


class RecentLog:
    """Numbers the lines of one worker and hands them on."""

    def __init__(self, board: ProgressBoard, worker_id: str) -> None:
        self._board = board
        self._worker_id = worker_id
        self._lock = threading.Lock()
        self._number = 0
        self._waiting: deque[LogLine] = deque(maxlen=LOG_LINES)

    def tell(self, text: str) -> None:
        """Add a line, without its end."""
        with self._lock:
            self._number += 1
            self._waiting.append(LogLine(number=self._number, text=text[:LINE_CHARS]))
        self._board.keep_log(self._worker_id, self._take)

    def _take(self) -> list[LogLine]:
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken
