"""Who may read metrics: whoever has the token, or comes from a network that the operator named."""

import secrets
from ipaddress import ip_address, ip_network

from farm.settings import Settings


def may_read(settings: Settings, authorization: str | None, address: str | None) -> bool:
    """Whether this header `Authorization` or the address that a request comes from is enough."""
    return has_token(settings, authorization) or comes_from_network(settings, address)


def is_open(settings: Settings) -> bool:
    """Whether nobody was named: then the port's own address decides who reaches it."""
    return settings.metrics_token is None and not settings.metrics_networks


def has_token(settings: Settings, authorization: str | None) -> bool:
    """Whether the header holds the token, compared in constant time."""
    scheme, _, token = (authorization or "").partition(" ")
    if settings.metrics_token is None or scheme.lower() != "bearer":
        return False
    return secrets.compare_digest(token.strip().encode(), settings.metrics_token.get_secret_value().encode())


def comes_from_network(settings: Settings, address: str | None) -> bool:
    """Whether the address lies in one of the networks; what is no address (a Unix socket has none) lies in none."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in ip_network(network) for network in settings.metrics_networks)
