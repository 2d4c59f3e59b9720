"""Turns: so many at once, and of those so many for each; who has to wait too long is told to come again."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from farm.errors import Busy


class Turns:
    """For work that takes room: `at_once` in all, `each` for one who asks (a project), `waiting` who wait for it.

    Greenlets and threads may share it.
    """

    def __init__(self, *, at_once: int, each: int, waiting: int, seconds: float, text: str) -> None:
        """`seconds`: how long one waits. `text`: what is told to who gets no turn."""
        self._at_once, self._each = at_once, each
        self._most_waiting, self._seconds, self._text = waiting, seconds, text
        self._change = threading.Condition()
        self._taken: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def of(self, who: str) -> Iterator[None]:
        """Take a turn for as long as the block lasts. Raises Busy."""
        self._take(who)
        try:
            yield
        finally:
            with self._change:
                self._taken[who] -= 1
                self._taken += Counter()  # forget who has none
                self._change.notify_all()

    def _take(self, who: str) -> None:
        with self._change:
            if not self._is_free(who):
                # Of those who wait one may be half, so that a second one still finds room to wait.
                full = self._waiting.total() >= self._most_waiting
                if full or self._waiting[who] >= max(1, self._most_waiting // 2):
                    raise Busy(self._text)
                self._waiting[who] += 1
                try:
                    came = self._change.wait_for(lambda: self._is_free(who), self._seconds)
                finally:
                    self._waiting[who] -= 1
                if not came:
                    raise Busy(self._text)
            self._taken[who] += 1

    def _is_free(self, who: str) -> bool:
        return self._taken.total() < self._at_once and self._taken[who] < self._each
