"""TLS in front of the real servers of the tests, with certificates of an authority that no system knows."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from farm.local.certificates import Certificates, ensure_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of an authority that no system knows, for localhost and 127.0.0.1."""
    return ensure_certificates(tmp_path_factory.mktemp("certificates"))


@contextmanager
def tls_in_front(
    behind: str | Path, certificates: Certificates, host: str = "127.0.0.1", *, asked: bool = False
) -> Iterator[int]:
    """The port of a proxy that ends TLS before `behind`: a URL, or the path of a socket.

    `asked`: clients ask for TLS first, in plain words, as those of PostgreSQL do.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    listener = socket.create_server((host, 0))
    threading.Thread(target=_accept, args=(listener, context, behind, asked), daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.close()


def _accept(listener: socket.socket, context: ssl.SSLContext, behind: str | Path, asked: bool) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_serve, args=(plain, context, behind, asked), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, behind: str | Path, asked: bool) -> None:
    """One connection, in one thread: two that read and write one `SSLSocket` at once break it (CPython below 3.13)."""
    if asked:
        plain.recv(8)  # SSLRequest
        plain.sendall(b"S")
    with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as outside, _reach(behind) as inside:
        while True:
            ready = [outside] if outside.pending() else select.select([outside, inside], [], [])[0]
            for source, target in ((outside, inside), (inside, outside)):
                if source in ready and not _pass_on(source, target):
                    return


def _reach(behind: str | Path) -> socket.socket:
    if isinstance(behind, Path):
        reached = socket.socket(socket.AF_UNIX)
        reached.connect(str(behind))
        return reached
    address = urlsplit(behind)
    return socket.create_connection((address.hostname or "", address.port or 80))


def _pass_on(source: socket.socket, target: socket.socket) -> bool:
    """Pass on what is there, which may be less than a record of TLS; False at the end."""
    source.setblocking(False)
    try:
        data = source.recv(65536)
    except (ssl.SSLWantReadError, BlockingIOError):
        return True
    finally:
        source.setblocking(True)
    target.sendall(data)
    return bool(data)
