"""Addresses of servers as people may see them, and what can be told from them."""

import ipaddress
from urllib.parse import urlsplit

#: What a name ends with that only machines of the same network or cluster know.
_INNER_NAMES = (".local", ".internal", ".svc", ".cluster.local", ".lan")


def place_of(url: str) -> str:
    """Where a URL leads, without its user, password and options: 'db.example:5432/farm'."""
    scheme, _, rest = url.partition("://")
    # A password may hold any character; what comes after the last '@' is none of it.
    place = rest.rpartition("@")[2].partition("?")[0]
    return place.removeprefix("/") if scheme == "sqlite" else place


def is_here(url: str) -> bool:
    """Whether it leads to this very machine: the loopback interface, a socket or a file."""
    host = urlsplit(url).hostname
    if not host or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_inner(url: str) -> bool:
    """Whether the browsers of other people can hardly reach it: this machine, or a name of a container or cluster."""
    host = urlsplit(url).hostname or ""
    if is_here(url):
        return True
    return not host.replace(".", "").isdigit() and ":" not in host and ("." not in host or host.endswith(_INNER_NAMES))
