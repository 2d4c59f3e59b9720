"""The farm's one clock: the database's, kept in each process between two measurements by a clock that nobody can set.

Every time that one machine writes and another reads is by this clock, so it does not matter what a machine believes
the time to be: a worker whose clock is an hour off, jumps or drifts writes the same leases as all others. See
docs/adr/0003-one-clock.md.
"""

import threading

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from farm.clock import Clock, awake_or_asleep, system_clock
from farm.database import read

#: Seconds since 1970, by the database. SQLite has the clock of the one machine that it is on, in milliseconds.
_TIME = {
    "postgresql": text("SELECT extract(epoch FROM clock_timestamp())::float8"),
    "sqlite": text("SELECT (julianday('now') - 2440587.5) * 86400.0"),
}
#: The answer to a question that was under way for longer says too little; it is asked again, so many times in all.
_QUICK_SECONDS, _QUESTIONS = 0.05, 3
#: What SQLite's answer may be off by, in seconds.
_COARSE = 0.002
#: After a first measurement that failed, nobody waits for the next one for so many seconds.
_REST_SECONDS = 5.0


class FarmClock:
    """Says the database's time. Measured at the first call, then whenever somebody calls :meth:`measure`.

    A process that lives long measures every few seconds; in between its own steady clock goes on. Threads may share
    it. While the database has never been reached it says what this machine believes.
    """

    def __init__(self, engine: Engine, *, wall: Clock = system_clock, steady: Clock = awake_or_asleep) -> None:
        """`wall`: what this machine believes the time to be. `steady`: what goes on between two measurements."""
        self._engine = engine
        self._wall = wall
        self._steady = steady
        self._offset: float | None = None  # the database's time less the steady clock
        self._doubt = 0.0  # by how much that may be wrong, in seconds
        self._measured_at: float | None = None  # by the steady clock
        self._rests_until = float("-inf")
        self._measuring = threading.Lock()

    def __call__(self) -> float:
        """The time, seconds since 1970. It asks the database only if nobody has yet."""
        if self._offset is None and self._steady() >= self._rests_until:
            try:
                self.measure()
            except SQLAlchemyError:
                self._rests_until = self._steady() + _REST_SECONDS
        return self._wall() if self._offset is None else self._steady() + self._offset

    def measure(self, older_than: float = 0.0) -> float:
        """Ask the database for its time, if that was not done within `older_than` seconds; the time.

        An answer that agrees with the last one, as far as both can be trusted, changes nothing: so the clock does not
        tremble. Raises SQLAlchemyError when the database does not answer; the clock then goes on as before.
        """
        if not self._is_older_than(older_than):
            return self()
        with self._measuring:
            if self._is_older_than(older_than):
                offset, doubt = self._ask()
                if self._offset is None or abs(offset - self._offset) > doubt + self._doubt:
                    self._offset, self._doubt = offset, doubt
                self._measured_at = self._steady()
        return self._steady() + (self._offset or 0.0)

    @property
    def skew(self) -> float | None:
        """By how many seconds this machine's own clock is ahead of the farm's now; None: nobody knows yet."""
        return None if self._offset is None else self._wall() - self._steady() - self._offset

    def _is_older_than(self, seconds: float) -> bool:
        return self._measured_at is None or self._steady() - self._measured_at >= seconds

    def _ask(self) -> tuple[float, float]:
        """The offset by the quickest of a few answers, and by how much it may be wrong."""
        question, answers = _TIME[self._engine.dialect.name], list[tuple[float, float]]()
        with read(self._engine) as connection:
            for _ in range(_QUESTIONS):
                asked = self._steady()
                told = float(connection.execute(question).scalar_one())
                took = self._steady() - asked
                answers.append((took, told - asked - took / 2))
                if took <= _QUICK_SECONDS:
                    break
        took, offset = min(answers)
        return offset, took / 2 + _COARSE
