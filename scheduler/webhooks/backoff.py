"""When a delivery that failed is tried again: soon at first, then ever more rarely, for two to four days in all."""

#: Between the first attempt and the second, in seconds.
FIRST_SECONDS = 5.0
#: Each pause is so many times the one before,
GROWTH = 4.0
#: up to this one,
LONGEST_SECONDS = 43_200.0
#: until so many attempts have failed.
MAX_ATTEMPTS = 12
#: By so much of its length a pause is shorter or longer, so that what failed at once does not come back at once.
JITTER = 0.2


def retry_seconds(failed: int, chance: float) -> float | None:
    """Seconds until the next attempt after `failed` (1, 2, …) of them; None: it is given up.

    `chance`: evenly distributed in 0 … 1. The pauses are 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 6 h and then 12 h,
    each ± 20 %.
    """
    if failed >= MAX_ATTEMPTS:
        return None
    pause = min(LONGEST_SECONDS, FIRST_SECONDS * GROWTH ** (failed - 1))
    return pause * (1.0 + JITTER * (2.0 * chance - 1.0))
