"""Secrets, roles and scopes: how keys are made, how their hashes are kept, and what a role may do.

A secret is `lf_`, 30 random letters and digits (178 bits), and 6 that check the 30. The check lets a mistyped
or cut key be refused without a look into the database, and lets scanners find leaked keys without false
alarms. Only the SHA-256 of a secret is kept: with 178 random bits a slow hash would add nothing. Passwords
are chosen by people, so they get argon2.
"""

import functools
import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SECRET_PREFIX = "lf_"  # noqa: S105 (a prefix that all secrets share)
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARS = 30
_CHECK_CHARS = 6  # 62**6 > 2**32: a CRC-32 always fits
_SECRET = re.compile(rf"lf_([0-9A-Za-z]{{{_RANDOM_CHARS}}})([0-9A-Za-z]{{{_CHECK_CHARS}}})", re.ASCII)
_HASHER = PasswordHasher()  # argon2id with the parameters of RFC 9106's low-memory profile


class Scope(StrEnum):
    """One kind of thing that may be done. Each address of the API and of the pages asks for one of them."""

    READ = "read"  # see the own project's work and the fleet
    SUBMIT = "submit"  # submit work to the own project, and control what is there
    OPERATE = "operate"  # see and control the work of every project, lanes, pools and workers
    ADMIN = "admin"  # projects, people, everybody's keys, the audit log


class Role(StrEnum):
    """What a person may do: each role has the scopes of the one before it, and one more."""

    VIEWER = "viewer"
    ARTIST = "artist"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        """All that this role may do."""
        return frozenset(list(Scope)[: list(Role).index(self) + 1])


def scopes_text(scopes: Iterable[Scope]) -> str:
    """Scopes as they are kept and shown, in their order: 'read,submit'."""
    chosen = set(scopes)
    return ",".join(scope for scope in Scope if scope in chosen)


class KeyKind(StrEnum):
    """What a secret is for."""

    API = "api"  # stands for a project in `Authorization: Bearer lf_…`, until it expires or is revoked
    SIGN_IN = "sign_in"  # opens one session of the dashboard, once


def new_secret() -> str:
    """A fresh secret, 39 characters: the only time it is seen whole."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))
    return f"{SECRET_PREFIX}{body}{_check(body)}"


def is_secret(text: str) -> bool:
    """Whether `text` has the form of a secret with the right check; nobody says that it is known."""
    found = _SECRET.fullmatch(text)
    return found is not None and secrets.compare_digest(found[2], _check(found[1]))


def secret_sha256(secret: str) -> str:
    """What is kept of a secret, 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its salt and parameters, about 97 characters."""
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether the password is right. `None` (nobody, or no password) takes as long and is always wrong."""
    try:
        _HASHER.verify(password_hash or _nobodys_hash(), password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


@functools.cache
def _nobodys_hash() -> str:
    """What the password of an unknown name is checked against."""
    return _HASHER.hash(secrets.token_bytes(16))


def _check(body: str) -> str:
    rest = zlib.crc32(body.encode("ascii"))
    digits = []
    for _ in range(_CHECK_CHARS):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
