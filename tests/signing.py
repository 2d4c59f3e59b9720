"""A studio's certificate for content credentials, made for the tests, and the library's own reader."""

import datetime
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: What may sign content credentials: https://spec.c2pa.org, X.509 certificates.
FOR_SIGNATURES = ExtendedKeyUsageOID.EMAIL_PROTECTION


@dataclass(frozen=True)
class SigningFiles:
    """PEM files, and the authority that a reader is told to trust."""

    certificate: Path
    key: Path
    authority: str

    def settings(self) -> dict[str, Any]:
        return {
            "provenance": "credentials",
            "credentials_certificate_file": self.certificate,
            "credentials_key_file": self.key,
        }


MakeSigning = Callable[..., SigningFiles]


@pytest.fixture
def make_signing(tmp_path: Path) -> MakeSigning:
    """Makes a certificate that is good from `begins` to `ends` days from now, and its key."""

    def make(
        name: str = "studio",
        *,
        begins: float = -10,
        ends: float = 365,
        usage: x509.ObjectIdentifier = FOR_SIGNATURES,
        form: PrivateFormat = PrivateFormat.PKCS8,
        password: bytes | None = None,
    ) -> SigningFiles:
        authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = _certificate("Studio authority", "Studio authority", authority_key, authority_key, -20, 400)
        leaf = _certificate("Render farm", "Studio authority", key, authority_key, begins, ends, usage)
        files = SigningFiles(
            tmp_path / f"{name}.pem", tmp_path / f"{name}.key", authority.public_bytes(Encoding.PEM).decode()
        )
        files.certificate.write_bytes(leaf.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM))
        lock = BestAvailableEncryption(password) if password else NoEncryption()
        files.key.write_bytes(key.private_bytes(Encoding.PEM, form, lock))
        files.key.chmod(0o600)
        return files

    return make


def read_credentials(data: bytes, content_type: str, authority: str | None = None) -> dict[str, Any]:
    """What c2pa-python reads of a file, trusting this authority alone."""
    settings: dict[str, Any] = {"verify": {"verify_trust": authority is not None}}
    if authority is not None:
        settings["trust"] = {"user_anchors": authority}
    reader = c2pa.Reader(content_type, io.BytesIO(data), context=c2pa.Context.from_dict(settings))
    document: dict[str, Any] = json.loads(reader.json())
    return document


def action_of(document: dict[str, Any]) -> dict[str, Any]:
    """The one action of the manifest that counts."""
    [assertion] = [
        found
        for found in document["manifests"][document["active_manifest"]]["assertions"]
        if found["label"] == "c2pa.actions.v2"
    ]
    [action] = assertion["data"]["actions"]
    return dict(action)


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    begins: float,
    ends: float,
    usage: x509.ObjectIdentifier | None = None,
) -> x509.Certificate:
    """An authority without `usage`, else what it signs."""
    now, leaf = datetime.datetime.now(datetime.UTC), usage is not None

    def name(common: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Studio")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])

    built = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=begins))
        .not_valid_after(now + datetime.timedelta(days=ends))
        .add_extension(x509.BasicConstraints(not leaf, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .add_extension(x509.KeyUsage(leaf, False, False, False, False, not leaf, not leaf, False, False), critical=True)
    )
    if usage is not None:
        built = built.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return built.sign(by, hashes.SHA256())
