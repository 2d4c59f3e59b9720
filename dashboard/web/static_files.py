"""Addresses of static files hold a hash of their contents, so that browsers may keep them for a year."""

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent / "static"


def static_path() -> str:
    """'/static/<hash of all files>': modules that import each other by relative addresses stay together."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"/static/{digest.hexdigest()[:12]}"
