"""What a budget per day allows. Pure functions; days are those of UTC.

A quarter of the day's money is there at midnight, the rest comes in evenly until the day ends. So a large job may
run at full speed at once, and still cannot burn by noon what the evening needs: once the money that has come in is
spent, as many workers go on as the money that keeps coming in pays for. What is left over stays for later that day.
"""

import math

DAY = 86_400.0
#: The part of a day's budget that is there when it begins.
AT_ONCE = 0.25
#: A price below this is none.
LEAST_PRICE = 1e-9


def affordable(budget: float | None, *, spent: float, price_per_hour: float, now: float, interval: float) -> float:
    """How many workers may run for the next `interval` seconds; infinite without a budget or a price."""
    if budget is None or price_per_hour < LEAST_PRICE:
        return math.inf
    a_second = price_per_hour / 3600.0
    if budget - spent < a_second * interval:
        return 0.0  # not even one until the next decision
    most = (budget - spent) / (a_second * interval)
    part = (now % DAY) / DAY
    come_in = budget * (AT_ONCE + (1.0 - AT_ONCE) * part)
    coming = budget * (1.0 - AT_ONCE) / DAY / a_second
    ahead = (come_in - spent) / (a_second * interval)
    return math.floor(min(most, max(ahead, coming)))
