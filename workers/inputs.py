"""Uploaded pictures that renders start from: fetched once, checked, kept in a folder beside the worker."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import stamina
import structlog

from farm.errors import NotFound, StorageDown
from farm.params.pictures import stored_pictures
from farm.storage import Storage

log = structlog.get_logger(__name__)

_FETCH_PATIENCE = 20.0  # seconds to wait for a store that is away; others wait for the order meanwhile
#: Kept in the folder, the newest by use: far more than a worker holds renders, as the engine reads them later.
MOST_KEPT = 5_000


class Pictures:
    """The pictures of one worker. `folder` is its own, and is made here."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._folder = folder

    def files_for(self, parameters: Mapping[str, Any], render_id: str) -> dict[str, str]:
        """Local files by the name of the parameter.

        One that cannot be had whole is left out: the family then refuses the render, and says which it lacks.
        """
        files: dict[str, str] = {}
        for name, picture in stored_pictures(parameters).items():
            try:
                files[name] = str(self._file(picture.key, picture.sha256))
            except (NotFound, StorageDown, OSError, ValueError) as error:
                log.warning("a picture cannot be had", render=render_id, parameter=name, reason=str(error))
        return files

    def _file(self, key: str, sha256: str) -> Path:
        path = self._folder / f"{sha256}.png"
        if path.is_file():
            os.utime(path)
            return path
        data = self._fetch(key)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"{key} is not what was uploaded")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_room()
        draft = path.with_suffix(".part")
        draft.write_bytes(data)
        draft.replace(path)
        return path

    def _fetch(self, key: str) -> bytes:
        data = b""
        for attempt in stamina.retry_context(on=StorageDown, timeout=_FETCH_PATIENCE, attempts=None, wait_max=5.0):
            with attempt:
                data = self._storage.get(key)
        return data

    def _make_room(self) -> None:
        """The engine reads a file when it begins its render; what was used long ago is read already."""
        kept = sorted(self._folder.glob("*.png"), key=lambda path: path.stat().st_mtime)
        for path in kept[: max(0, len(kept) - MOST_KEPT + 1)]:
            path.unlink(missing_ok=True)
