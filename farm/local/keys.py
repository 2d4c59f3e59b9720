"""Passwords and keys that a farm on one machine makes for itself, once, and keeps in its data folder."""

import json
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from farm.errors import Fault, SettingsError


@dataclass(frozen=True)
class MadeKeys:
    """Only letters, digits, '-' and '_': they go into URLs and configuration files as they are."""

    redis_password: str
    postgres_password: str
    s3_access_key_id: str
    s3_secret_access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return "MadeKeys(…)"


def ensure_keys(path: Path) -> MadeKeys:
    """The keys kept in this file, which is made, for its owner alone, when it is not there.

    Raises SettingsError when the file is there but does not hold them.
    """
    if not path.exists():
        made = MadeKeys(*(secrets.token_urlsafe(24) for _ in fields(MadeKeys)))
        write_private(path, json.dumps(asdict(made), indent=2) + "\n")
    try:
        return MadeKeys(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise SettingsError(
            [Fault(str(path), "does not hold the keys of this data folder; restore it, or start with a new folder")]
        ) from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; it is there whole or not at all."""
    half = path.with_name(f".{path.name}.half")
    half.unlink(missing_ok=True)
    half.touch(mode=0o600)
    half.write_text(text)
    half.replace(path)
