"""One attempt: a signed POST to an address that was looked up and judged for it, with an end to everything.

No redirect is followed, no proxy is used, and of the answer only the status is read: a receiver can neither lead the
farm elsewhere, nor hold it, nor fill its memory.
"""

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpcore
from standardwebhooks.webhooks import Webhook as Signer

from farm.clock import Clock
from farm.sentences import sentence
from farm.tls_trust import distrusted
from scheduler.webhooks.addresses import AddressRefused, Network, reachable_addresses

#: For all of it: to connect, to shake hands, to send, and to hear the status.
ATTEMPT_SECONDS = 15.0
CA_SETTING = "FARM_WEBHOOK_CA_FILE"
#: What else is wrong with a connection, in words; the libraries' own would name addresses inside the network.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (httpcore.TimeoutException, sentence("did not answer within %(seconds)s s", seconds=f"{ATTEMPT_SECONDS:g}")),
    (httpcore.ConnectError, sentence("could not be connected to")),
    (httpcore.ProtocolError, sentence("does not speak HTTP")),
    (httpcore.NetworkError, sentence("broke the connection off")),
)


@dataclass(frozen=True)
class Message:
    """What is sent, where to, and the secrets that sign it."""

    url: str
    secret: str = field(repr=False)
    event_id: str
    body: str
    old_secret: str | None = field(default=None, repr=False)  # signs too, while its receiver changes over


@dataclass(frozen=True)
class Answer:
    """How an attempt went: the HTTP status that came, or why none did."""

    status: int | None
    error: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Sender:
    """How this farm sends: where it may go, whom it trusts, and a steady clock for the time that it gives."""

    networks: Sequence[Network]
    trust: ssl.SSLContext
    steady: Clock

    def send(self, message: Message, now: float) -> Answer:
        """Make one attempt; `now`: the farm's time, seconds since 1970. Raises nothing that a receiver could cause."""
        url = httpcore.URL(message.url)
        backend = _Backend(self, secure=url.scheme == b"https")
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self.trust, network_backend=backend) as pool,
                pool.stream("POST", url, headers=_headers(message, now), content=message.body.encode()) as response,
            ):
                return _answer(response.status)
        except AddressRefused as error:
            return Answer(None, str(error))
        except tuple(kind for kind, _ in _WORDS) as error:
            words = next(words for kind, words in _WORDS if isinstance(error, kind))
            return Answer(None, distrusted(error, CA_SETTING) or words)


def _headers(message: Message, now: float) -> list[tuple[str, str]]:
    """As https://www.standardwebhooks.com/ has them; signed anew for each attempt, since receivers look at the time."""
    at = datetime.fromtimestamp(int(now), UTC)
    signing = [secret for secret in (message.secret, message.old_secret) if secret is not None]
    return [
        ("content-type", "application/json"),
        ("user-agent", "latent-farm"),
        ("webhook-id", message.event_id),
        ("webhook-timestamp", str(int(now))),
        # Several signatures, with spaces between them: receivers take a message that one of them is right for.
        ("webhook-signature", " ".join(Signer(secret).sign(message.event_id, at, message.body) for secret in signing)),
    ]


def _answer(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(status)
    if 300 <= status < 400:
        told = sentence(
            "answered %(number)s; redirects are not followed: name the last address of the way", number=status
        )
        return Answer(status, told)
    return Answer(status, sentence("answered %(number)s", number=status))


class _Backend(httpcore.NetworkBackend):
    """Connects to an address that was judged, never to a name; all that follows shares one deadline."""

    def __init__(self, sender: Sender, *, secure: bool) -> None:
        self._sender = sender
        self._secure = secure
        self._sockets = httpcore.SyncBackend()
        self._deadline = sender.steady() + ATTEMPT_SECONDS

    def left(self) -> float:
        """Seconds that are left. Raises ReadTimeout when none are."""
        left = self._deadline - self._sender.steady()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        tried: Exception | None = None
        for address in reachable_addresses(host, port, self._sender.networks, secure=self._secure):
            try:
                return _Stream(self._sockets.connect_tcp(address, port, self.left()), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                tried = error
        raise tried or httpcore.ConnectError


class _Stream(httpcore.NetworkStream):
    """A connection on which nothing takes longer than what is left of the attempt."""

    def __init__(self, stream: httpcore.NetworkStream, backend: _Backend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._backend.left()), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
