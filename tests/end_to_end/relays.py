"""The servers of a farm on this machine, which listen on its loopback and on sockets, for those in another network."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from tests.faults.tcp_proxy import tcp_proxy


def relayed(environment: Mapping[str, str], address: str, relays: ExitStack) -> Mapping[str, str]:
    """The variables that name database, storage and Redis, as they are reached at `address` until `relays` ends."""

    def place(url: SplitResult) -> str:
        target = (url.hostname or "", url.port) if url.port else Path(url.path)
        relay = relays.enter_context(tcp_proxy(target, address))
        return f"{url.netloc.rpartition('@')[0]}@{address}:{relay.port}".lstrip("@")

    found = {}
    for name in ("FARM_DATABASE_URL", "FARM_S3_ENDPOINT_URL"):
        url = urlsplit(environment[name])
        found[name] = urlunsplit(url._replace(netloc=place(url)))
    redis = urlsplit(environment["FARM_REDIS_URL"])  # unix://:PASSWORD@/PATH?db=NUMBER
    [number] = parse_qs(redis.query)["db"]
    return found | {"FARM_REDIS_URL": f"redis://{place(redis)}/{number}"}
