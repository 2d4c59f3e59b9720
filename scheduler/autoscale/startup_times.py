"""How long a worker takes from the decision that asks for it to its first idle moment. Pure functions.

Measured from the decisions themselves: it holds whatever comes between, a node that is bought, an image that is
pulled, a model that is loaded.
"""

from dataclasses import dataclass

#: The weight of the newest measurement in the running mean.
NEWEST = 0.3
#: What was asked for and did not come within so many times the usual is not waited for any longer.
GIVEN_UP = 10.0


@dataclass(frozen=True)
class Startups:
    """`asked` holds (workers, at): so many ready workers were asked for, first at that time."""

    asked: tuple[tuple[int, float], ...] = ()
    mean: float | None = None

    def seconds(self, until_measured: float) -> float:
        """The measured length, or the given one."""
        return until_measured if self.mean is None else self.mean


def observe(startups: Startups, *, ready: int, desired: int, now: float, until_measured: float) -> Startups:
    """So many are `ready` now, and from now on so many are `desired`."""
    mean = startups.mean
    came = [at for workers, at in startups.asked if workers <= ready]
    for at in came:
        mean = now - at if mean is None else mean + NEWEST * (now - at - mean)
    usual = until_measured if mean is None else mean
    waits = tuple(
        (workers, at)
        for workers, at in startups.asked
        if ready < workers <= desired and now - at <= GIVEN_UP * max(usual, 1.0)
    )
    most = max((workers for workers, _ in waits), default=ready)
    asked = waits if desired <= most else (*waits, (desired, now))
    return Startups(asked, mean)
