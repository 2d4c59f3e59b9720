"""A Redis behind Sentinels, in one address: who is the primary is asked anew at each connection.

    redis+sentinel://USER:PASSWORD@host-1:26379,host-2:26379/NAME/DB?sentinel_username=…&sentinel_password=…

NAME is that of the group of servers (`sentinel monitor NAME …`), DB a database number (0 if there is none). USER and
PASSWORD are for the servers, those behind the `?` for the Sentinels, all percent-encoded: a `+` is a plus.
`rediss+sentinel://` speaks TLS to both.
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import quote, unquote

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26_379
#: One Sentinel: a name or an IPv4 address, or an IPv6 address in brackets; and a port.
_SENTINEL = re.compile(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
#: The number of a database. Redis itself counts them in 32 bits.
_DB = re.compile(r"[0-9]{0,9}")
_OPTIONS = {"sentinel_username": "username", "sentinel_password": "password"}


@dataclass(frozen=True)
class SentinelAddress:
    """The address, taken apart; what is secret is in no `repr`."""

    sentinels: tuple[tuple[str, int], ...]
    name: str
    db: int
    tls: bool
    credentials: dict[str, str] = field(repr=False)  # username and password of the servers
    sentinel_credentials: dict[str, str] = field(repr=False)

    def celery_url(self) -> str:
        """The same as Celery writes it; the name of the group and the Sentinels' password go beside it."""
        user, password = (quote(self.credentials.get(key, ""), safe="") for key in ("username", "password"))
        login = f"{user}:{password}@" if user or password else ""
        return ";".join(f"sentinel://{login}{_written(host)}:{port}/{self.db}" for host, port in self.sentinels)


def is_sentinel(url: str) -> bool:
    """Whether the address names Sentinels, not a server."""
    return url.partition("://")[0] in SCHEMES


def parse(url: str) -> SentinelAddress:
    """Take an address apart. Raises ValueError with what is wrong, without the address: it may hold a password."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    login, _, rest = rest.rpartition("@")
    hosts, _, path = rest.partition("/")
    name, _, db = path.partition("/")
    if not hosts or not name:
        raise ValueError(f"must be {scheme}://HOST:PORT,HOST:PORT/NAME, where NAME is that of the group of servers")
    if not _DB.fullmatch(db):
        raise ValueError("the database behind the name of the group must be a number, of at most 9 digits")
    options = _options(query)
    user, _, password = login.partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return SentinelAddress(
        tuple(_host(one) for one in hosts.split(",")),
        unquote(name),
        int(db or 0),
        scheme == "rediss+sentinel",
        {key: value for key, value in given.items() if value},
        {_OPTIONS[key]: value for key, value in options.items() if value},
    )


def options_of(address: SentinelAddress, tls: dict[str, Any], seconds: float) -> dict[str, Any]:
    """How a Sentinel is asked, in the words of redis-py: for it and for Celery."""
    waits = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    return {**waits, **address.sentinel_credentials, **({"ssl": True, **tls} if address.tls else {})}


def _options(query: str) -> dict[str, str]:
    # Not as of a web form, where a plus is a space: passwords hold plus signs.
    options = {key: unquote(value) for key, _, value in (one.partition("=") for one in query.split("&") if one)}
    if not options.keys() <= _OPTIONS.keys():
        # What is unknown is not shown: it may be what stands behind a `?` or `&` of a password.
        raise ValueError(
            f"has other options than {' and '.join(_OPTIONS)} behind its '?'; "
            "in a password ? is written %3F, & %26 and % %25"
        )
    return options


def _host(text: str) -> tuple[str, int]:
    """Host and port of `redis-1`, `redis-1:26379`, `[::1]` or `[::1]:26379`."""
    found = _SENTINEL.fullmatch(text)
    port = int(found["port"] or PORT) if found else 0
    if not found or not 0 < port < 65_536 or not (found["host"] or _is_ipv6(found["ipv6"])):
        raise ValueError("has a Sentinel that is not HOST or HOST:PORT (of IPv6: [ADDRESS]:PORT)")
    return found["host"] or found["ipv6"], port


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
