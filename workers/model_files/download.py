"""Where a model's files are: a folder as it stands, the Hub's cache at a pinned revision, or a copy of a bucket."""

from pathlib import Path

from farm.catalog.schema import ModelEntry
from farm.settings import Settings, load_settings
from workers.model_files.bucket_download import fetch_from_bucket
from workers.model_files.download_result import Fetched, FetchFailed, ModelFile
from workers.model_files.hub_download import fetch_from_hub
from workers.model_files.weights import select_in

__all__ = ["FetchFailed", "Fetched", "fetch"]


def fetch(entry: ModelEntry, settings: Settings | None = None, *, local_only: bool = False) -> Fetched:
    """The model's files, fetched if they come from elsewhere and are not here.

    With `local_only` nobody is asked and nothing is fetched. The settings (default: those of the environment) say how
    to reach a bucket, and where copies lie.

    Raises:
        FetchFailed: they cannot be had.
        BadWeights: a folder is no model, or has pickled weights that the catalog does not allow.
    """
    source = entry.source
    if source.repo is not None:
        return fetch_from_hub(source, local_only=local_only)
    if source.bucket() is not None:
        return fetch_from_bucket(source, settings or load_settings(), local_only=local_only)
    return _folder(source.folder() or Path(), entry)


def _folder(folder: Path, entry: ModelEntry) -> Fetched:
    source = entry.source
    if not folder.is_dir():
        raise FetchFailed(f"the folder {folder} ('{source.path}' in the catalog) does not exist")
    chosen = select_in(folder, source.variant, pickle=source.pickle, single_file=source.single_file)
    return Fetched(folder, [ModelFile(path) for path in chosen.paths], chosen.weights, revision=source.revision)
