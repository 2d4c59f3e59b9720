"""How many requests of the API a project may send in a minute, and how an answer tells what is left.

Off unless FARM_REQUESTS_PER_MINUTE says otherwise. Counted in Redis, so that all processes of the dashboard count
together; while Redis is away, in the memory of each. The headers are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

import math
import time
from dataclasses import dataclass

from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from dashboard.http.shared_limiter import SharedLimiter
from dashboard.openai_errors import is_here as is_openai
from dashboard.problems import TooManyRequests
from farm.settings import Settings

_LIMIT = "latent_farm_rate_limit"
_MINUTE = 60
#: The name of the policy in the headers.
_NAME = "project"


@dataclass(frozen=True)
class Left:
    """Of this minute."""

    requests: int
    seconds: int


class RequestLimit:
    """Counts the requests of projects by the minute."""

    def __init__(self, per_minute: int, redis_url: str | None, ca_file: str | None = None) -> None:
        self.per_minute = per_minute
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = SharedLimiter(
            FixedWindowRateLimiter, redis_url, ca_file, purpose="requests", prefix="farm:requests"
        )

    def count(self, project_id: str) -> tuple[bool, Left]:
        """Whether one more is allowed, and what is left then."""
        return self._limiter.ask(lambda limiter: _hit(limiter, self._item, project_id))


def register(app: Flask, settings: Settings) -> None:
    """Have the answers of the API say what is left."""
    if settings.requests_per_minute is None:
        return
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    ca_file = str(settings.redis_ca_file) if settings.redis_ca_file else None
    limit = RequestLimit(settings.requests_per_minute, url, ca_file)
    app.extensions[_LIMIT] = limit

    @app.after_request
    def _tell(response: Response) -> Response:
        left: Left | None = g.get("rate_limit_left")
        if left is not None:
            response.headers["RateLimit-Policy"] = f'"{_NAME}";q={limit.per_minute};w={_MINUTE}'
            response.headers["RateLimit"] = f'"{_NAME}";r={left.requests};t={left.seconds}'
        return response


def count_request(project_id: str) -> None:
    """Count this request, if a program sent it: to the API, or as to OpenAI's. Raises TooManyRequests."""
    limit: RequestLimit | None = current_app.extensions.get(_LIMIT)
    if limit is None or not (request.path.startswith("/api/") or is_openai(request.path)):
        return
    allowed, g.rate_limit_left = limit.count(project_id)
    if not allowed:
        raise TooManyRequests(limit.per_minute, g.rate_limit_left.seconds)


def _hit(limiter: FixedWindowRateLimiter, item: RateLimitItem, key: str) -> tuple[bool, Left]:
    allowed = limiter.hit(item, key)
    stats = limiter.get_window_stats(item, key)
    return allowed, Left(max(0, stats.remaining), max(1, math.ceil(stats.reset_time - time.time())))
