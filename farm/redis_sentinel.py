"""A Redis behind Sentinels, in one address: who is the primary is asked anew at each connection.

    redis+sentinel://USER:PASSWORD@host-1:26379,host-2:26379/NAME/DB?sentinel_username=…&sentinel_password=…

NAME is that of the group of servers (`sentinel monitor NAME …`), DB a database number (0 if there is none). USER and
PASSWORD are for the servers, those behind the `?` for the Sentinels. `rediss+sentinel://` speaks TLS to both.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26_379
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
    if db and not db.isdecimal():
        raise ValueError("the database behind the name of the group must be a number")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - _OPTIONS.keys():
        raise ValueError(f"has unknown options {', '.join(sorted(unknown))}; known are {', '.join(_OPTIONS)}")
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


def _host(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError("has a Sentinel that is not HOST or HOST:PORT")
    return host, int(port)


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
