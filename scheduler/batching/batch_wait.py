"""Whether it is worth to wait a moment for a fuller batch. Pure: it is told the time."""

from collections import defaultdict, deque

#: So many renders must have joined running batches of the key within the window: one alone is no stream.
_ARRIVALS = 2
#: The window, in times that may be waited: what comes at this pace is likely to bring one within one wait.
_WINDOW = 5.0
#: After a wait that brought nothing, nobody waits for this key for so many seconds.
_COOLDOWN_SECONDS = 10.0


class BatchWait:
    """Remembers when renders of a batch key came while one of their batches was running.

    Somebody who submits one picture, waits for it and submits the next never has two at once: nothing joins, and
    nothing is ever waited for. `seconds`: the longest wait; 0 means never.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._arrivals: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_ARRIVALS))
        self._cooling_until: dict[str, float] = {}

    def arrived(self, batch_key: str, now: float) -> None:
        """Renders of this key joined a running batch."""
        if len(self._arrivals) > 1000:
            self._arrivals.clear()
            self._cooling_until.clear()
        self._arrivals[batch_key].append(now)

    def expects(self, batch_key: str, now: float, *, streaming: bool = False) -> bool:
        """Whether more of this key is likely within `seconds`. `streaming`: a job of it is still being taken in."""
        if self.seconds <= 0 or now < self._cooling_until.get(batch_key, now):
            return False
        arrivals = list(self._arrivals.get(batch_key, ()))
        return streaming or (len(arrivals) == _ARRIVALS and arrivals[0] >= now - _WINDOW * self.seconds)

    def cool_down(self, batch_key: str, now: float) -> None:
        """Nothing came."""
        self._cooling_until[batch_key] = now + _COOLDOWN_SECONDS
