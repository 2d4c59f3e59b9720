"""The options that an address of Redis may have behind its `?`: those that redis-py takes for that kind of server."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

_ALWAYS = frozenset(
    {"client_name", "db", "health_check_interval", "max_connections", "password", "protocol", "retry_on_timeout"}
    | {"socket_connect_timeout", "socket_timeout", "username"}
)
_NETWORK = _ALWAYS | {"socket_keepalive"}
_TLS = _NETWORK | {
    *("ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname"),
    *("ssl_ciphers", "ssl_keyfile", "ssl_min_version"),
}
#: By the scheme of the address. Those of Sentinels are read by :mod:`farm.redis_sentinel`.
OPTIONS: Mapping[str, frozenset[str]] = {
    "redis": _NETWORK,
    "rediss": _TLS,
    "unix": _ALWAYS,
    "redis+socket": _ALWAYS | {"virtual_host"},
}


def check_options(url: str) -> None:
    """Raise ValueError for an option that nobody reads, without the address: it may be a part of a password."""
    scheme, _, rest = url.partition("://")
    known, query = OPTIONS.get(scheme), rest.partition("?")[2]
    asked = {name for name, _ in parse_qsl(query.partition("#")[0], keep_blank_values=True)}
    if known is None or asked <= known:
        return
    raise ValueError(
        f"has an option behind its '?' that is none of {', '.join(sorted(known))}; "
        "in a password ? is written %3F, & %26 and % %25"
    )
