"""Python 3.13 and newer want all of a certificate that RFC 5280 asks for: ours have it, and whose do not are told what to do."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from farm.local.certificates import Certificates
from farm.tls_trust import distrusted


@contextmanager
def greeting(certificate: Path, key: Path) -> Iterator[int]:
    """The port of a server that shakes hands, once."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            plain, _ = listener.accept()
            with plain:
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except (ssl.SSLError, OSError):
                    return  # the guest left

        thread = threading.Thread(target=greet)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def visit(port: int, authority: Path) -> None:
    """Shake hands as Python 3.13 and newer do by default."""
    context = ssl.create_default_context(cafile=str(authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(("127.0.0.1", port)) as plain:
        context.wrap_socket(plain, server_hostname="127.0.0.1").close()


def test_the_certificates_of_a_farm_on_one_machine_are_good_enough_for_the_strict(certificates: Certificates) -> None:
    with greeting(certificates.certificate, certificates.key) as port:
        visit(port, certificates.authority)


@pytest.fixture
def plain_certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate that signed itself, as short guides make it: without a use and without identifiers."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
        .sign(key, SHA256())
    )
    (tmp_path / "own.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (tmp_path / "own.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return tmp_path / "own.pem", tmp_path / "own.key"


def test_who_has_a_plainer_certificate_is_told_what_it_lacks(plain_certificate: tuple[Path, Path]) -> None:
    certificate, key = plain_certificate
    with greeting(certificate, key) as port, pytest.raises(ssl.SSLCertVerificationError) as refused:
        visit(port, certificate)
    told = distrusted(refused.value, "FARM_REDIS_CA_FILE")
    assert told is not None
    assert told.startswith("certificate not trusted (")
    assert "keyUsage (keyCertSign)" in told
    assert "FARM_REDIS_CA_FILE" not in told, "the file is named already"
