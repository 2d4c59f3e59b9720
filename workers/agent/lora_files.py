"""The LoRA files of renders, on this machine: the catalog's from the Hub or a folder, a project's from the bucket."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from farm.catalog.adapters import AdapterEntry, AdapterSource
from farm.errors import NotFound
from farm.file_errors import is_disk_full
from farm.params.request.base import ADAPTER_SUFFIX, AdapterRef
from farm.storage import Storage
from workers.file_cache import KeptFiles
from workers.model_files.download_result import FetchFailed
from workers.protocol import adapter_file

log = structlog.get_logger(__name__)

#: Uploaded ones in the folder: each has up to some hundred megabytes.
MOST_KEPT = 50


class AdapterFiles:
    """The adapters of one worker. `entries`: the catalog's for its model; `folder` is its own, and is made here."""

    def __init__(self, storage: Storage, folder: Path, entries: Mapping[str, AdapterEntry]) -> None:
        self._kept = KeptFiles(storage, folder, suffix=ADAPTER_SUFFIX, most=MOST_KEPT)
        self._entries = entries
        self._checked: dict[str, Path] = {}  # sha256 → a file of the catalog that had it
        self._civitai: dict[str, str] = {}  # sha256 → the file's hash on Civitai

    def files_for(self, parameters: Mapping[str, Any], render_id: str) -> dict[str, str]:
        """Local files by `adapter_file`.

        One that cannot be had whole is left out: the engine then refuses the render, and says which it lacks.
        Raises StorageDown, and OSError where the disk has no room: neither is the render's fault.
        """
        files: dict[str, str] = {}
        for stored in parameters.get("loras") or []:
            adapter = AdapterRef.model_validate(stored)
            try:
                path = self._file(adapter)
                files[adapter_file(adapter.sha256)] = str(path)
                if adapter.sha256 not in self._civitai:
                    self._civitai[adapter.sha256] = civitai_hash(path)
            except (NotFound, FetchFailed, OSError, ValueError) as error:
                if is_disk_full(error):
                    raise
                log.warning("an adapter cannot be had", render=render_id, adapter=adapter.name, reason=str(error))
        return files

    def civitai_hashes(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Of a render whose files were asked for: by sha256, what Civitai calls the LoRA."""
        asked = [stored["sha256"] for stored in parameters.get("loras") or []]
        return {sha256: self._civitai[sha256] for sha256 in asked if sha256 in self._civitai}

    def _file(self, adapter: AdapterRef) -> Path:
        if adapter.key is not None:
            return self._kept.file(adapter.key, adapter.sha256)
        known = self._checked.get(adapter.sha256)
        if known is not None and known.is_file():
            return known
        entry = self._entries.get(adapter.name)
        if entry is None:
            raise ValueError("the catalog of this worker does not hold it (any more)")
        path = _fetch(entry.source)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != adapter.sha256:
            raise ValueError(f"{path} has the sha256 {digest}, and the render asks for {adapter.sha256}")
        self._checked[adapter.sha256] = path
        return path


def civitai_hash(path: Path) -> str:
    """What Civitai calls AutoV3: the first twelve digits of the sha256 of the tensors, behind the header.

    A file whose metadata were edited is still the same LoRA.
    """
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
        file.seek(min(8 + header, path.stat().st_size))  # what is no safetensors file may speak of any length
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _fetch(source: AdapterSource) -> Path:
    """The file of a catalog's adapter, fetched if it is not here. Raises FetchFailed."""
    if source.path is not None:
        if not source.path.is_file():
            raise FetchFailed(f"there is no file {source.path} on this machine")
        return source.path
    from workers.model_files.hub_download import fetch_file_from_hub

    return fetch_file_from_hub(str(source.repo), str(source.revision), str(source.file))
