"""From 3.13 on Python wants all of a certificate that RFC 5280 asks for: ours have it; who lacks it is told so."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
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


def plain(subject: str, key: ec.EllipticCurvePrivateKey, issuer: str) -> x509.CertificateBuilder:
    """A certificate as short guides make it, without identifiers."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


@pytest.fixture
def plain_certificates(tmp_path: Path) -> Certificates:
    files = Certificates(tmp_path / "authority.pem", tmp_path / "server.pem", tmp_path / "server.key")
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = plain("studio", authority_key, "studio").add_extension(x509.BasicConstraints(True, None), critical=True)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    server = plain("server", key, "studio").add_extension(here, critical=False)
    files.authority.write_bytes(authority.sign(authority_key, SHA256()).public_bytes(Encoding.PEM))
    files.certificate.write_bytes(server.sign(authority_key, SHA256()).public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def test_who_has_a_plainer_certificate_is_told_what_it_lacks(plain_certificates: Certificates) -> None:
    own = plain_certificates
    with greeting(own.certificate, own.key) as port, pytest.raises(ssl.SSLCertVerificationError) as refused:
        visit(port, own.authority)
    told = distrusted(refused.value, "FARM_REDIS_CA_FILE")
    assert told is not None
    assert told.startswith("certificate not trusted (")
    assert "authorityKeyIdentifier" in told
    assert "FARM_REDIS_CA_FILE" not in told, "the file is named already"
