"""Whose certificates a client trusts: the authorities that httpx trusts of itself, read once in a process."""

import os
import ssl
from functools import cache

import httpx


def authorities(trust_env: bool = True) -> ssl.SSLContext:
    """For `verify=` of an httpx client. `trust_env`: whether SSL_CERT_FILE and SSL_CERT_DIR are heard.

    Each client of httpx reads some 140 certificates of its own, 20 to 80 ms of processor time (httpx 0.28).
    """
    variables = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")) if trust_env else None
    return _read(variables)


@cache
def _read(variables: tuple[str | None, str | None] | None) -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=variables is not None)
