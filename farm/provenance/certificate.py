"""The certificate with which outputs are signed, and its key: two PEM files, looked at before anything is rendered."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from farm.errors import Fault, SettingsError
from farm.settings import Settings

EXTRA = "pip install 'latent-farm[credentials]'"
_CERTIFICATE, _KEY = "FARM_CREDENTIALS_CERTIFICATE_FILE", "FARM_CREDENTIALS_KEY_FILE"
_WHERE = f"{_CERTIFICATE}, or FARM_PROVENANCE_RULES"
#: By the bits of an elliptic curve: https://spec.c2pa.org, digital signature algorithms.
_CURVES = {256: "es256", 384: "es384", 521: "es512"}


class CannotSign(RuntimeError):
    """Outputs cannot be signed; the message says why and what to do, and holds nothing of a key."""


@dataclass(frozen=True)
class SigningCertificate:
    """A chain of certificates as PEM, that of the farm first; times are seconds since 1970."""

    chain: bytes
    subject: str
    begins_at: float
    ends_at: float
    public_key: Any = field(repr=False)

    @property
    def ends(self) -> str:
        """The day on which it ends, in UTC."""
        return datetime.fromtimestamp(self.ends_at, UTC).date().isoformat()

    def check_time(self, now: float) -> None:
        """Raise CannotSign where it is not good yet, or any more."""
        if now >= self.ends_at:
            raise CannotSign(f"the certificate that signs outputs ended on {self.ends}: renew it ({_WHERE})")
        if now < self.begins_at:
            day = datetime.fromtimestamp(self.begins_at, UTC).date().isoformat()
            raise CannotSign(f"the certificate that signs outputs begins on {day}: see {_WHERE}")


def certificate_of(settings: Settings) -> SigningCertificate | None:
    """That of the settings; None where outputs are not signed. Raises CannotSign."""
    if settings.provenance != "credentials":
        return None
    assert settings.credentials_certificate_file is not None, "the settings ask for it"
    return read_certificate(settings.credentials_certificate_file)


def read_certificate(path: Path) -> SigningCertificate:
    """The chain in a PEM file. Raises CannotSign: unreadable, no certificate, or no package that reads it."""
    try:
        from cryptography import x509
    except ImportError:
        raise CannotSign(f"signing needs packages that are not installed: {EXTRA}") from None
    try:
        chain = path.read_bytes()
        first = x509.load_pem_x509_certificates(chain)[0]
    except OSError as error:
        raise CannotSign(f"{_CERTIFICATE} ({path}) cannot be read: {error.strerror or error}") from None
    except (ValueError, IndexError):
        raise CannotSign(f"{_CERTIFICATE} ({path}) holds no certificate as PEM") from None
    begins, ends = first.not_valid_before_utc, first.not_valid_after_utc
    return SigningCertificate(
        chain, first.subject.rfc4514_string(), begins.timestamp(), ends.timestamp(), first.public_key()
    )


def read_key(path: Path, certificate: SigningCertificate) -> tuple[str, bytes]:
    """The algorithm to sign with, and the key as PKCS 8, the one form that c2pa-python takes. Raises CannotSign."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise CannotSign(f"{_KEY} ({path}) cannot be read: {error.strerror or error}") from None
    except TypeError:  # what the library raises where a password is needed
        raise CannotSign(f"{_KEY} ({path}) is locked with a password: the farm has none to open it") from None
    except ValueError:
        raise CannotSign(f"{_KEY} ({path}) holds no private key as PEM") from None
    if key.public_key() != certificate.public_key:
        raise CannotSign(f"{_KEY} ({path}) is not the key of the certificate ({certificate.subject})")
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size in _CURVES:
        algorithm = _CURVES[key.key_size]
    elif isinstance(key, rsa.RSAPrivateKey):
        algorithm = "ps256"
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    else:
        raise CannotSign(f"{_KEY} ({path}): content credentials know P-256, P-384, P-521, RSA and Ed25519 keys")
    form, coding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    return algorithm, key.private_bytes(coding, form, serialization.NoEncryption())


def as_settings_error(error: CannotSign) -> SettingsError:
    """What a worker says at its start."""
    return SettingsError([Fault("FARM_PROVENANCE", str(error))])
