"""The certificates of every server that speaks TLS: whether they are trusted, and how long they are good."""

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from farm.clock import system_clock
from farm.doctor.findings import Finding, Level
from farm.redis_connection import LOST, connect
from farm.redis_sentinel import is_sentinel, parse
from farm.settings import Settings
from farm.tls_trust import distrusted

PART = "certificates"
CONNECT_SECONDS = 5.0
DAY_SECONDS = 86_400.0
#: Time enough to renew one.
SOON_DAYS = 21
#: PostgreSQL's request to go on in TLS: its length, and a number that no version has (protocol 3.2, SSLRequest).
_POSTGRES_TLS = struct.pack("!ii", 8, 80_877_103)


@dataclass(frozen=True)
class _Server:
    """Where a certificate is shown, who vouches for it, and the setting that says so."""

    name: str
    host: str
    port: int
    authority: Path | None
    setting: str
    postgres: bool = False


def check(settings: Settings) -> Iterator[Finding]:
    """Shake hands with each."""
    servers = list(_servers(settings))
    if not servers:
        yield Finding(PART, Level.OK, "No server is set that speaks TLS.")
    for server in servers:
        try:
            yield _finding(server, _days_left(server))
        except OSError as error:
            words = distrusted(error, server.setting) or f"cannot be asked: {error.strerror or error}"
            yield Finding(PART, Level.FAIL, f"{server.name}: {words}.", "Renew it, or say who vouches for it.")


def _servers(settings: Settings) -> Iterator[_Server]:
    database = settings.database_url.get_secret_value()
    unsaid = "verify-full" if settings.database_ca_file else "prefer"
    mode = parse_qs(urlsplit(database).query).get("sslmode", [unsaid])[0]
    # Only these two look at the certificate.
    if mode in ("verify-ca", "verify-full") and (host := urlsplit(database).hostname):
        yield _Server(
            "database",
            host,
            urlsplit(database).port or 5432,
            settings.database_ca_file,
            "FARM_DATABASE_CA_FILE",
            True,
        )
    redis = settings.redis_url.get_secret_value() if settings.redis_url else ""
    if is_sentinel(redis):
        yield from _behind_sentinels(redis, settings.redis_ca_file)
    for name, url, authority, setting in (
        ("redis", redis, settings.redis_ca_file, "FARM_REDIS_CA_FILE"),
        ("storage", settings.s3_endpoint_url, settings.s3_ca_file, "FARM_S3_CA_FILE"),
        ("storage in links", settings.s3_public_endpoint_url, settings.s3_ca_file, "FARM_S3_CA_FILE"),
        ("dashboard", settings.public_url, None, "SSL_CERT_FILE"),
    ):
        parts = urlsplit(url or "")
        if parts.scheme in ("rediss", "https") and parts.hostname:
            usual = 6379 if parts.scheme == "rediss" else 443
            yield _Server(f"{name} ({parts.hostname})", parts.hostname, parts.port or usual, authority, setting)


def _behind_sentinels(url: str, authority: Path | None) -> Iterator[_Server]:
    """The Sentinels, and the primary that they name; where they name none, the doctor's part `redis` says so."""
    address = parse(url)
    if not address.tls:
        return
    setting = "FARM_REDIS_CA_FILE"
    for host, port in address.sentinels:
        yield _Server(f"sentinel ({host}:{port})", host, port, authority, setting)
    with suppress(*LOST), closing(connect(url, str(authority) if authority else None, CONNECT_SECONDS)) as client:
        pool = client.connection_pool
        host, port = pool.get_master_address()  # type: ignore[attr-defined]  # of a SentinelConnectionPool
        yield _Server(f"redis ({host}:{port})", host, int(port), authority, setting)


def _days_left(server: _Server) -> float:
    """Days until the certificate ends. Raises OSError: unreachable, or not trusted."""
    context = ssl.create_default_context(cafile=server.authority)
    with socket.create_connection((server.host, server.port), CONNECT_SECONDS) as plain:
        if server.postgres:
            plain.sendall(_POSTGRES_TLS)
            if plain.recv(1) != b"S":
                raise OSError("the server does not offer TLS")
        with context.wrap_socket(plain, server_hostname=server.host) as secure:
            shown = secure.getpeercert() or {}
    return (ssl.cert_time_to_seconds(str(shown["notAfter"])) - system_clock()) / DAY_SECONDS


def _finding(server: _Server, days: float) -> Finding:
    words = f"{server.name}: the certificate is trusted and good for {days:,.0f} days."
    return Finding(PART, Level.WARN, words, "Renew it.") if days < SOON_DAYS else Finding(PART, Level.OK, words)
