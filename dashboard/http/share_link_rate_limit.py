"""How often an address may look at share links, and how often it may try ones that there are not.

Counted in Redis, so that all processes of the dashboard count together; while Redis is away, in the memory of each.
"""

from dataclasses import dataclass

from flask import Flask, current_app
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from dashboard.http.shared_limiter import SharedLimiter
from dashboard.http.sign_in_rate_limit import network
from dashboard.problems import TooManyLooks
from farm.settings import Settings

_LIMIT = "latent_farm_share_link_limit"
#: In a minute, of one address: pages and files. A page has 60 pictures.
LOOKS = 1_200
#: In a minute, of one address: links that there are not. Nobody guesses 178 bits; this keeps the database quiet.
MISSES = 30
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class _Limit:
    limiter: SharedLimiter[FixedWindowRateLimiter]
    looks = RateLimitItemPerMinute(LOOKS, namespace="looks")
    misses = RateLimitItemPerMinute(MISSES, namespace="misses")


def register(app: Flask, settings: Settings) -> None:
    """Make the limit of `app`."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    ca_file = str(settings.redis_ca_file) if settings.redis_ca_file else None
    shared = SharedLimiter(FixedWindowRateLimiter, url, ca_file, purpose="share links", prefix="farm:share-links")
    app.extensions[_LIMIT] = _Limit(shared)


def count_look(address: str) -> None:
    """Count a request for something shared. Raises TooManyLooks."""
    limit: _Limit = current_app.extensions[_LIMIT]
    who = network(address)
    known = limit.limiter.ask(lambda limiter: limiter.test(limit.misses, who) and limiter.hit(limit.looks, who))
    if not known:
        raise TooManyLooks(_WAIT_SECONDS)


def count_miss(address: str) -> None:
    """Count a link that there is not."""
    limit: _Limit = current_app.extensions[_LIMIT]
    limit.limiter.ask(lambda limiter: limiter.hit(limit.misses, network(address)))
