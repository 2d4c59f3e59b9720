"""How often somebody may try to sign in with a password: by the name that is tried, and by the address.

Counted in Redis, so that all processes of the dashboard count together; while Redis is away, in the memory of each.
Both counts move before the password is looked at, so that many tries at once are as many; a right password frees the
name again, but not the address. The window is a moving one, and a try that is refused does not count: 'Retry-After' is
the truth.
"""

import hashlib
import ipaddress
import math
import time

from flask import Flask, current_app
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.strategies import MovingWindowRateLimiter
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard.http.shared_limiter import SharedLimiter
from dashboard.problems import TooManyTries
from farm.settings import Settings

THROTTLE = "latent_farm_throttle"
#: So long a try counts.
WINDOW_SECONDS = 300
#: Of an IPv6 address: who has one has all that share these bits.
_IPV6_BITS = 64


class SignInThrottle:
    """Counts tries to sign in. `tries_per_name` and `tries_per_address` within WINDOW_SECONDS are allowed."""

    def __init__(
        self, redis_url: str | None, tries_per_name: int, tries_per_address: int, ca_file: str | None = None
    ) -> None:
        self._of_name = RateLimitItemPerSecond(tries_per_name, WINDOW_SECONDS, namespace="name")
        self._of_address = RateLimitItemPerSecond(tries_per_address, WINDOW_SECONDS, namespace="address")
        self._limiter = SharedLimiter(
            MovingWindowRateLimiter, redis_url, ca_file, purpose="sign-in", prefix="farm:sign-in"
        )

    def try_once(self, name: str, address: str) -> None:
        """Count a try. Raises TooManyTries, with the seconds until another one is allowed."""
        for item, key in ((self._of_address, network(address)), (self._of_name, _hidden(name))):
            if wait := self._limiter.ask(lambda limiter: _seconds(limiter, item, key)):  # noqa: B023 - asked at once
                raise TooManyTries(wait)

    def succeeded(self, name: str) -> None:
        """The password was right: whoever mistyped it before is not held up the next time."""
        key = _hidden(name)
        self._limiter.memory.clear(self._of_name, key)
        self._limiter.ask(lambda limiter: limiter.clear(self._of_name, key))


def register(app: Flask, settings: Settings) -> None:
    """Make the throttle, and let the address of a request be that of whoever sent it."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    ca_file = str(settings.redis_ca_file) if settings.redis_ca_file else None
    app.extensions[THROTTLE] = SignInThrottle(
        url, settings.sign_in_tries_per_name, settings.sign_in_tries_per_address, ca_file
    )
    if settings.trusted_proxies:
        # Anybody may write X-Forwarded-For: only what so many proxies of our own have added to it counts.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0, x_port=0, x_prefix=0
        )


def throttle() -> SignInThrottle:
    """The throttle of this application."""
    found = current_app.extensions[THROTTLE]
    assert isinstance(found, SignInThrottle)
    return found


def _seconds(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: str) -> int:
    """0 when the try was counted, else seconds until one is allowed again."""
    if limiter.hit(item, key):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(item, key).reset_time - time.time()))


def network(address: str) -> str:
    """What counts as one address: of IPv6 a whole /64."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"  # a Unix socket has none
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, _IPV6_BITS), strict=False).network_address)
    return str(found)


def _hidden(name: str) -> str:
    """People type passwords into the field for the name: it is not kept as it is."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
