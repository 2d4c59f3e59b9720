"""Redis or Valkey: reachable, writable, not full, not in clear over a network."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from farm.doctor.addresses import is_here, place_of
from farm.doctor.findings import Finding, Level
from farm.ids import new_id
from farm.progress import LIVE
from farm.redis_connection import LOST, connect
from farm.redis_errors import reason
from farm.redis_sentinel import is_sentinel, parse
from farm.settings import Settings

PART = "redis"
ANSWER_SECONDS = 5.0
#: Of its memory; beyond this it will soon refuse to take more.
FULL = 0.9


def check(settings: Settings) -> Iterator[Finding]:
    """Contact it, write, read, delete and publish."""
    if settings.redis_url is None:
        yield Finding(
            PART,
            Level.WARN,
            "No Redis is set: workers find work by asking the database, and pages show no progress.",
            "Set FARM_REDIS_URL.",
        )
        return
    url = settings.redis_url.get_secret_value()
    place = place_of(url)
    authority = str(settings.redis_ca_file) if settings.redis_ca_file else None
    with connect(url, authority, ANSWER_SECONDS) as client:
        began = time.monotonic()
        try:
            client.ping()
        except LOST as error:
            words = f"{place} cannot be used: {reason(error)}."
            yield Finding(PART, Level.FAIL, words, "Correct FARM_REDIS_URL or start the server.")
            return
        took = (time.monotonic() - began) * 1e3
        facts = _facts(client)
        kind = "Valkey" if "valkey_version" in facts else "Redis"
        version = facts.get("valkey_version") or facts.get("redis_version") or "of unknown version"
        yield Finding(PART, Level.OK, f"{kind} {version} at {place} answered in {took:.0f} ms.")
        yield _writing(client)
    limit = int(facts.get("maxmemory") or 0)
    if limit and int(facts.get("used_memory") or 0) > FULL * limit:
        yield Finding(PART, Level.WARN, f"More than {FULL:.0%} of its memory is used.", "Raise its maxmemory.")
    if urlsplit(url).scheme in ("redis", "redis+sentinel") and not _all_here(url):
        yield Finding(
            PART,
            Level.WARN,
            "What goes to it is not encrypted, its password neither.",
            "Write rediss:// (or rediss+sentinel://) in FARM_REDIS_URL, unless the network between is your own.",
        )


def _all_here(url: str) -> bool:
    if not is_sentinel(url):
        return is_here(url)
    return all(is_here(f"redis://{host}") for host, _ in parse(url).sentinels)


def _facts(client: Any) -> dict[str, Any]:
    """What it says of itself; nothing where this user may not ask."""
    try:
        return dict(client.info())
    except LOST:
        return {}


def _writing(client: Any) -> Finding:
    key = f"farm:doctor:{new_id()}"
    try:
        client.set(key, "here", ex=60)
        same = client.get(key) == "here"
        client.delete(key)
        client.publish(LIVE, "[]")  # a list of no news
    except LOST as error:
        return Finding(PART, Level.FAIL, f"It answers, but does not work: {reason(error)}.", "See docs/production.md.")
    if not same:
        words = "What was written is not there a moment later."
        return Finding(PART, Level.FAIL, words, "Name a primary, not a replica, in FARM_REDIS_URL.")
    return Finding(PART, Level.OK, "Keys are written, read and deleted, and news are published.")
