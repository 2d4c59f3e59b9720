"""Certificates that a server's own parts show each other, so that nobody else can use its inner ports."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from farm.local.program import StartFailed

#: They never leave the data folder; a new data folder gets new ones.
LIFE = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority, and one certificate with its key for serving and for asking."""

    authority: Path
    certificate: Path
    key: Path


def ensure_certificates(folder: Path) -> Certificates:
    """Those in `folder`, made when they are not there. The authority's own key is forgotten after signing.

    Raises StartFailed when the package `cryptography` is not installed.
    """
    made = Certificates(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    # The key is written last: when it is there, all are.
    if not made.key.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(made)
    return made


def _make(files: Certificates) -> None:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        raise StartFailed(
            "The package `cryptography` is not installed; without it the object storage would be open to all "
            "users of this machine. Install it with `pip install 'latent-farm[embedded]'`, or set "
            "FARM_S3_ENDPOINT_URL to an S3 of your own."
        ) from error

    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    def certificate(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("latent-farm local authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))  # clocks may be set back
            .not_valid_after(now + LIFE)
        )

    uses = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"), False)
    uses |= dict.fromkeys(("key_agreement", "encipher_only", "decipher_only"), False)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    # Python 3.13 and newer refuse certificates without the identifiers and uses that RFC 5280 asks for.
    signs = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        certificate("latent-farm local authority", authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=False)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **uses), critical=True)
        .sign(authority_key, SHA256())
    )
    here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    leaf = (
        certificate("latent-farm local server", key)
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signs), critical=False)
        .sign(authority_key, SHA256())
    )
    files.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    files.certificate.write_bytes(leaf.public_bytes(Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
