"""One attempt: it goes to the address that was judged, trusts the name's certificate, and has an end."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from farm.clock import steady_clock, system_clock
from farm.local.certificates import Certificates
from scheduler.webhooks import sign_and_send as sending
from scheduler.webhooks.addresses import named_networks
from scheduler.webhooks.sign_and_send import Answer, Message, Sender
from tests.scheduler.webhooks.receivers import Receiver, receiving
from tests.tls import tls_in_front

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type":"webhook.test","title":"ein Käfer 🐞"}'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as open_:
        yield open_


def send(url: str, *networks: str, trust: ssl.SSLContext | None = None) -> Answer:
    """One attempt by a farm whose operator names these networks."""
    sender = Sender(named_networks(networks), trust or ssl.create_default_context(), steady_clock)
    return sender.send(Message(url, SECRET, "an-event", BODY), system_clock())


def resolving(monkeypatch: pytest.MonkeyPatch, name: str, answers: Callable[[], str]) -> None:
    """Let the resolver say this of a name; of all others what it knows."""
    real = socket.getaddrinfo

    def find(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        return real(answers() if host == name else host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find)


def at(name: str, receiver: Receiver) -> str:
    """The receiver's URL under another name."""
    return receiver.url.replace("127.0.0.1", name)


def test_the_connection_goes_to_the_address_that_was_judged_and_the_name_is_asked_for_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanings = iter(["127.0.0.1", "127.0.0.9"])  # a second question would lead elsewhere
    resolving(monkeypatch, "hook.example", lambda: next(meanings))

    assert send(at("hook.example", receiver), "127.0.0.1/32") == Answer(204)

    [(headers, body)] = receiver.requests
    assert headers["host"] == at("hook.example", receiver).split("/")[2]
    assert Verifier(SECRET).verify(body, headers)["title"] == "ein Käfer 🐞"
    assert next(meanings) == "127.0.0.9"


def test_a_name_that_comes_to_mean_a_private_address_is_not_gone_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    meaning = ["127.0.0.1"]
    resolving(monkeypatch, "hook.example", lambda: meaning[0])
    assert send(at("hook.example", receiver), "127.0.0.1/32").accepted
    meaning[0] = "127.0.0.9"

    refused = send(at("hook.example", receiver), "127.0.0.1/32")

    assert (refused.status, len(receiver.requests)) == (None, 1)
    assert "FARM_WEBHOOK_NETWORKS" in str(refused.error)
    assert "127.0.0" not in str(refused.error), "what a name means inside the network is nobody's business"


def test_a_certificate_is_checked_against_the_name_though_the_connection_goes_to_an_address(
    receiver: Receiver, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = ssl.create_default_context(cafile=certificates.authority)
    resolving(monkeypatch, "hook.example", lambda: "127.0.0.1")
    with tls_in_front(receiver.url, certificates) as port:
        assert send(f"https://localhost:{port}/", "127.0.0.0/8", trust=trust).accepted
        wrong_name = send(f"https://hook.example:{port}/", "127.0.0.0/8", trust=trust)
        nobody_knows_it = send(f"https://localhost:{port}/", "127.0.0.0/8")
    for refused in (wrong_name, nobody_knows_it):
        assert "certificate not trusted" in str(refused.error)
        assert "FARM_WEBHOOK_CA_FILE" in str(refused.error)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Rest: ", "did not answer within"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "does not speak HTTP"),
        (b"", "did not answer within"),
    ],
)
def test_a_receiver_that_never_ends_its_answer_or_says_nonsense_is_left(
    monkeypatch: pytest.MonkeyPatch, said: bytes, words: str
) -> None:
    monkeypatch.setattr(sending, "ATTEMPT_SECONDS", 0.3)
    left = threading.Event()

    def drip(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            try:
                peer.sendall(said)
                while said and not left.wait(0.01):
                    peer.sendall(b"a")
                left.wait()
            except OSError:
                left.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        answer = send(f"http://127.0.0.1:{listener.getsockname()[1]}/", "127.0.0.0/8")
        left.set()
        thread.join()
    assert str(answer.error).startswith(words)


def test_nobody_at_the_door_is_said_without_naming_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/", "127.0.0.0/8") == Answer(None, "could not be connected to")


@pytest.mark.parametrize("status", [301, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with receiving(lambda body: status) as receiver:
        answer = send(receiver.url, "127.0.0.0/8")
    assert (answer.status, answer.accepted, len(receiver.requests)) == (status, False, 1)
