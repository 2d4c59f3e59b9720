"""Where a webhook may go: to public addresses, and into networks that the operator names.

Whoever may make webhooks could otherwise have the scheduler speak to what only it can reach: the cloud's metadata, the
database, a router. The name is looked up for each attempt, and the connection goes to the very address that was judged
here: what DNS says a moment later does not matter.
"""

import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from farm.sentences import sentence

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: IPv6 addresses behind which a gateway, or the system, speaks to an IPv4 address: in their last 32 bits.
_HOLD_IPV4 = tuple(
    IPv6Network(prefix) for prefix in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)  # IPv4-compatible, IPv4-mapped, IPv4-translated (RFC 2765), NAT64 (RFC 6052)
#: Ways to IPv4 addresses that are built otherwise, or that each network gives its own form: 6to4, local NAT64; and
#: what was site-local before there were unique local addresses (RFC 3879).
_NEVER_PUBLIC = tuple(IPv6Network(prefix) for prefix in ("2002::/16", "64:ff9b:1::/48", "fec0::/10"))


class AddressRefused(Exception):
    """A webhook may not go there; the message says why, for the people of its project."""


def named_networks(words: Sequence[str]) -> tuple[Network, ...]:
    """The setting FARM_WEBHOOK_NETWORKS as networks."""
    return tuple(ip_network(word) for word in words)


def may_reach(address: Address, networks: Sequence[Network], *, secure: bool) -> bool:
    """Whether a webhook may go to this address; without TLS (`secure`) only into the named networks."""
    inner = _inner(address)
    if any(inner in network for network in networks if network.version == inner.version):
        return True
    return secure and is_public(inner)


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet, of one machine."""
    inner = _inner(address)
    if isinstance(inner, IPv6Address) and any(inner in network for network in _NEVER_PUBLIC):
        return False
    return inner.is_global and not (inner.is_multicast or inner.is_reserved)


def literal_address(host: str) -> Address | None:
    """The address that a host of a URL is; None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def reachable_addresses(host: str, port: int, networks: Sequence[Network], *, secure: bool) -> list[str]:
    """What the name means now, of that where a webhook may go.

    Raises AddressRefused when nothing is left, or the name is not known.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(sentence("the name of its host is not known")) from None
    allowed = [text for text in _texts(found) if may_reach(ip_address(text), networks, secure=secure)]
    if not allowed:
        raise AddressRefused(refusal(secure=secure))
    return list(dict.fromkeys(allowed))


def refusal(*, secure: bool) -> str:
    """Why an address is refused, and what to do."""
    if secure:
        return sentence("its host has no public address; an operator may name its network in FARM_WEBHOOK_NETWORKS")
    return sentence("http:// is for networks that an operator has named in FARM_WEBHOOK_NETWORKS; use https://")


def _texts(found: Sequence[tuple[object, ...]]) -> Iterator[str]:
    for *_, address in found:
        assert isinstance(address, tuple)
        yield str(address[0])


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, else itself."""
    if isinstance(address, IPv6Address) and any(address in network for network in _HOLD_IPV4) and int(address) > 1:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
