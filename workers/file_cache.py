"""Files of the farm's bucket that renders need: fetched once, checked, kept in a folder beside the worker."""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

import stamina

from farm.errors import StorageDown
from farm.storage import Storage

_FETCH_RETRY_SECONDS = 20.0  # seconds to wait for a store that is away; others wait for the order meanwhile


class KeptFiles:
    """The kept files of one kind. `folder` is their own, and is made here; `most` stay in it, the newest by use."""

    def __init__(self, storage: Storage, folder: Path, *, suffix: str, most: int) -> None:
        self._storage = storage
        self._folder = folder
        self._suffix = suffix
        self._most = most

    def file(self, key: str, sha256: str, *, together: Collection[str] = ()) -> Path:
        """The file with that content, fetched if it is not here. Those of `together`, by their sha256, stay meanwhile:
        a training may learn from more clips than are kept.

        Raises NotFound, StorageDown, OSError, and ValueError where the bucket holds something else under the key.
        """
        path = self._folder / f"{sha256}{self._suffix}"
        if path.is_file():
            os.utime(path)
            return path
        data = self._fetch(key)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"{key} is not what was uploaded")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._evict(together)
        draft = path.with_suffix(".part")
        try:
            draft.write_bytes(data)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        return path

    def _fetch(self, key: str) -> bytes:
        data = b""
        for attempt in stamina.retry_context(on=StorageDown, timeout=_FETCH_RETRY_SECONDS, attempts=None, wait_max=5.0):
            with attempt:
                data = self._storage.get(key)
        return data

    def _evict(self, together: Collection[str]) -> None:
        """The engine reads a file when it begins its render (of clips in segments each time one begins, which counts as
        a use); what was used long ago is read already.
        """
        kept = sorted(self._folder.glob(f"*{self._suffix}"), key=lambda path: path.stat().st_mtime)
        for path in kept[: max(0, len(kept) - self._most + 1)]:
            if path.stem in together:
                continue
            path.unlink(missing_ok=True)
