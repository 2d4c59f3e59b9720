"""Where a webhook may go: public addresses, whatever form others hide in, and what the operator names."""

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from scheduler.webhooks.addresses import AddressRefused, is_public, may_reach, named_networks, reachable_addresses

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fd00:ec2::254",
    "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:7f00:1::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("text", PRIVATE)
def test_what_is_not_public_is_refused_in_every_form(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not may_reach(ip_address(text), (), secure=True)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_reached_by_https_only(text: str) -> None:
    assert may_reach(ip_address(text), (), secure=True)
    assert not may_reach(ip_address(text), named_networks(["10.0.0.0/8"]), secure=False)


def test_a_named_network_is_reached_in_every_form_and_its_neighbours_are_not() -> None:
    networks = named_networks(["10.1.0.0/16", "fd00:1::/32"])
    for text in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"):
        assert may_reach(ip_address(text), networks, secure=False), text
    for text in ("10.2.0.1", "fd00:2::5", "127.0.0.1", "169.254.169.254"):
        assert not may_reach(ip_address(text), networks, secure=True), text


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "no-such-host.invalid", "a" * 70])
def test_whatever_the_resolver_makes_of_a_host_is_judged(host: str) -> None:
    with pytest.raises(AddressRefused):
        reachable_addresses(host, 443, (), secure=True)


def test_of_a_name_with_several_addresses_only_the_public_ones_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*_: Any, **__: Any) -> list[Any]:
        texts = ("10.0.0.1", "8.8.8.8", "fe80::1%eth0", "2606:4700:4700::1111")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 443)) for text in texts]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert reachable_addresses("example.com", 443, (), secure=True) == ["8.8.8.8", "2606:4700:4700::1111"]
