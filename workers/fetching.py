"""Where a model's files are: a folder as it stands, or the Hub's cache filled at a pinned revision."""

from pathlib import Path
from typing import Any

from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from farm.catalog.schema import ModelEntry

_ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (
        GatedRepoError,
        "it is gated: accept its licence on the Hub and set HF_TOKEN to a token of that account",
    ),
    (RepositoryNotFoundError, "there is no such repository, or it is private: check 'repo', or set HF_TOKEN"),
    (RevisionNotFoundError, "it has no such revision: check 'revision' in the catalog"),
    (
        OfflineModeIsEnabled,
        "HF_HUB_OFFLINE is set and the cache does not hold it: fetch it once while online",
    ),
    (LocalEntryNotFoundError, "the Hub cannot be reached and the cache does not hold it: check the network"),
    (EntryNotFoundError, "a file is missing there: check 'variant' in the catalog"),
    (ConnectionError, "the Hub cannot be reached: check the network and HF_ENDPOINT"),
)


class FetchFailed(RuntimeError):
    """The files could not be had; the message says from where, why, and what to do."""


def fetch(entry: ModelEntry, pipeline_class: type[Any]) -> Path:
    """The folder with the model's files, fetched into HF_HOME if it comes from the Hub. Raises FetchFailed."""
    folder = entry.source.folder()
    if folder is not None:
        if not folder.is_dir():
            raise FetchFailed(f"the folder {folder} ('{entry.source.path}' in the catalog) does not exist")
        return folder
    source = entry.source
    try:
        return Path(
            pipeline_class.download(source.repo, revision=source.revision, variant=source.variant, use_safetensors=True)
        )
    except Exception as error:
        what = f"{source.repo} at revision {source.revision}"
        raise FetchFailed(f"{what} could not be fetched: {_explain(error)}") from error


def _explain(error: BaseException) -> str:
    """The advice for the innermost cause that we know, or the error itself: diffusers wraps what it catches."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    for kind, advice in _ADVICE:
        if any(isinstance(found, kind) for found in causes):
            return advice
    if any(isinstance(found, OSError) and found.errno == 28 for found in causes):
        return "the disk is full: free some space, or let HF_HOME name a larger one"
    return f"{type(error).__name__}: {error}"
