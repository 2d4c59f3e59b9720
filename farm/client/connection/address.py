"""Which farm to talk to, and with which key."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from farm.client.errors import NoAddress
from farm.errors import SettingsError
from farm.settings import load_settings

#: In the data folder of a farm started by `farm up`, readable by its owner alone: {"url": …, "key": …}.
CLIENT_FILE = "client.json"


@dataclass(frozen=True)
class Address:
    """A farm's base URL (no slash at its end), and the key to speak with."""

    url: str
    key: str

    def __repr__(self) -> str:
        return f"Address({self.url!r})"  # never the key


def find_address(url: str | None = None, key: str | None = None, environ: Mapping[str, str] | None = None) -> Address:
    """The farm named by the arguments, else by FARM_URL and FARM_KEY, else the one that `farm up` runs here.

    The key of the local farm is used for its own address only. Raises NoAddress.
    """
    environ = os.environ if environ is None else environ
    url = url or environ.get("FARM_URL")
    key = key or environ.get("FARM_KEY")
    if not url or not key:
        local = _local_farm(wanted=url)
        if not url and local is None:
            raise NoAddress
        if local is not None and (not url or url.rstrip("/") == local.url):
            url, key = local.url, key or local.key
    if not key:
        raise NoAddress(f"There is no key for {url}: set FARM_KEY to one made with `farm keys create`.")
    return Address(_checked_url(url or ""), _checked_key(key))


def is_loopback(url: str) -> bool:
    """Whether a URL points at this very machine; proxies of the environment are not for such."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def local_url(data_dir: Path) -> str | None:
    """Where the farm of this data folder has its dashboard, as `farm up` wrote it down; None: there was none."""
    try:
        found = _read(data_dir / CLIENT_FILE)
    except NoAddress:
        return None
    return found.url if found else None


def _local_farm(wanted: str | None) -> Address | None:
    try:
        path = load_settings().data_dir / CLIENT_FILE
    except SettingsError:
        if wanted:  # Whoever names a farm need not have settings for one of his own.
            return None
        raise
    return _read(path)


def _read(path: Path) -> Address | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Address(str(told["url"]).rstrip("/"), str(told["key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoAddress(
            f"{path} cannot be read ({error}): start the farm again with `farm up`, or set FARM_URL and FARM_KEY."
        ) from error


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise NoAddress(f"{url!r} is no address of a farm: give one like http://127.0.0.1:8420 (FARM_URL).")
    return url.rstrip("/")


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise NoAddress("The key has characters that no key of a farm has: copy it again (FARM_KEY).")
    return key
