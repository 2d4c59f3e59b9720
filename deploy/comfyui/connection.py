"""Which farm renders, and with which key. Workflows are passed on, so no key ever stands in one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from farm.client import FarmClient, NoAddress
from farm.client.connection.address import Address, find_address, is_loopback

#: A line for each farm: its address, a space, a key.
KEYS_FILE = Path.home() / ".latent-farm" / "keys"
#: The type of ComfyUI's sockets that carry a `Farm`.
FARM = "LATENT_FARM"


@dataclass(frozen=True)
class Farm:
    """A farm by its address ('': the one that this machine names), and the class of the jobs sent to it."""

    url: str = ""
    class_name: str = "normal"

    def open(self, **options: Any) -> FarmClient:
        """A client of it. Raises NoAddress when this machine has no key for it."""
        address = address_of(self.url, os.environ, KEYS_FILE)
        return FarmClient(address.url, address.key, **options)


def address_of(url: str, environ: Mapping[str, str], keys_file: Path) -> Address:
    """The address and its key: from `keys_file`, else FARM_URL and FARM_KEY, else the farm that `farm up` runs here.

    A workflow from elsewhere may name any address, so a key goes to the address that it was set for and to no other;
    FARM_KEY without FARM_URL goes to this machine alone. Raises NoAddress.
    """
    url = url.strip().rstrip("/")
    named = environ.get("FARM_URL", "").rstrip("/")
    if key := _keys(keys_file).get(url or named):
        return find_address(url or named, key)
    if url in ("", named) or (not named and is_loopback(url)):
        return find_address(url or None, environ=environ)
    try:
        return find_address(url, environ={})
    except NoAddress as error:
        raise NoAddress(
            f"This machine has no key for {url!r}. Keys go only to the address that they were set for: set FARM_URL "
            f"and FARM_KEY where ComfyUI is started, or write the line 'ADDRESS KEY' into {keys_file}."
        ) from error


def _keys(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NoAddress(f"{path} cannot be read ({error}): it has a line for each farm, 'ADDRESS KEY'.") from error
    pairs = [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return {pair[0].rstrip("/"): pair[1] for pair in pairs if len(pair) == 2}


class ConnectionNode:
    """Which farm renders; nodes without one ask the farm that this machine names."""

    CATEGORY = "Latent Farm"
    DESCRIPTION = "Which farm renders. The key is not here: see FARM_KEY, and the file ~/.latent-farm/keys."
    RETURN_TYPES: ClassVar = (FARM,)
    RETURN_NAMES: ClassVar = ("farm",)
    FUNCTION = "connect"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """As ComfyUI asks for it."""
        return {
            "required": {
                "url": (
                    "STRING",
                    {
                        "default": "",
                        "tooltip": "its address; empty: FARM_URL, or the farm that runs here",
                    },
                ),
                "class_name": ("STRING", {"default": "normal", "tooltip": "urgent, normal or bulk"}),
            }
        }

    def connect(self, url: str, class_name: str) -> tuple[Farm]:
        """The socket's value."""
        return (Farm(url, class_name.strip() or "normal"),)
