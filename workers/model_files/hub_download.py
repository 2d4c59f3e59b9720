"""Models of the Hub: the files of one commit in the Hub's own cache (HF_HOME), fetched if they are not there.

huggingface_hub reads HF_TOKEN, HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE, resumes broken downloads, and keeps for each
commit what the Hub says of its files, so that they can be checked without a network, too.
"""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import constants, get_cached_repo_tree, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from farm.catalog.source import Source
from workers.model_files.disk_space import check_disk_space
from workers.model_files.download_result import Fetched, FetchFailed, ModelFile
from workers.model_files.selection import INDEX, component_names, select
from workers.model_files.weights import BadWeights, read_index, refuse_pickled

_ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (
        GatedRepoError,
        "it is gated: accept its licence on the Hub and set HF_TOKEN to a token of that account",
    ),
    (RepositoryNotFoundError, "there is no such repository, or it is private: check 'repo', or set HF_TOKEN"),
    (RevisionNotFoundError, "it has no such revision: check 'revision' in the catalog"),
)
#: Where the Hub cannot be asked; `kind` of the first that fits.
_AWAY: tuple[tuple[type[Exception], str], ...] = (
    (
        LocalEntryNotFoundError,
        "{away}, and the cache does not hold it: fetch it with `farm models pull` when it can be",
    ),
    (EntryNotFoundError, "a file is missing there: check 'variant' in the catalog"),
    (ConnectionError, "{away}: check the network and HF_ENDPOINT"),
)
_STATUS = {
    401: "the Hub does not accept the token in HF_TOKEN: make a new one there",
    403: "the token may not read it: give it the right to read this repository, or ask its owner",
    429: "the Hub asks us to come less often (429): try again in some minutes, or set HF_TOKEN",
}


def fetch_from_hub(source: Source, *, local_only: bool = False) -> Fetched:
    """The files of the revision, from the cache where they are there. Raises FetchFailed.

    With `local_only` nothing is fetched and nobody is asked.
    """
    try:
        return _fetch(source, local_only)
    except (FetchFailed, BadWeights) as error:
        reason = str(error)
        cause: Exception = error
    except Exception as error:
        reason, cause = _explain(error, local_only), error
    raise FetchFailed(f"{source.repo} at revision {source.revision} could not be fetched: {reason}") from cause


def fetch_file_from_hub(repo: str, revision: str, path: str) -> Path:
    """One file of the revision, from the cache where it is there. Raises FetchFailed."""
    try:
        return Path(hf_hub_download(repo, path, revision=revision))
    except Exception as error:
        reason = _explain(error, local_only=False)
        raise FetchFailed(f"{path} of {repo} at revision {revision} could not be fetched: {reason}") from error


def _fetch(source: Source, local_only: bool) -> Fetched:
    """1. the commit and its index; 2. which files are read, and what they should be; 3. those that are missing."""
    repo = str(source.repo)
    folder = Path(
        snapshot_download(repo, revision=source.revision, allow_patterns=[INDEX], local_files_only=local_only)
    )
    if not (folder / INDEX).is_file():
        raise FetchFailed(f"it has no {INDEX}, so it is no diffusers model: check 'repo' in the catalog")
    index = read_index(folder)
    known = _files_of(repo, folder)
    chosen = select(known, index, source.variant, pickle=source.pickle, single_file=source.single_file)
    refuse_pickled(chosen, source.repo or "")
    for path in chosen.weights:
        if path not in known:
            raise FetchFailed(f"it has no file {path}: check 'source.single_file' in the catalog")
    files = [known[path] for path in chosen.paths]
    missing = [file for file in files if not (folder / file.path).exists()]
    if missing and (local_only or constants.HF_HUB_OFFLINE):
        raise FetchFailed(
            f"the cache holds a part of it ({len(missing)} files are missing, as {missing[0].path}), and "
            f"{_away(local_only)}: fetch the rest with `farm models pull`"
        )
    if not local_only:
        check_disk_space(folder, sum(file.size or 0 for file in missing), "let HF_HOME name a larger disk")
    snapshot_download(
        repo,
        revision=folder.name,
        allow_patterns=[glob.escape(path) for path in chosen.paths],
        local_files_only=local_only,
    )
    for component in component_names(index):
        if not any(path.startswith(f"{component}/") for path in chosen.paths):
            raise FetchFailed(f"{INDEX} names the component {component!r}, and it has no file of it")
    return Fetched(folder, files, chosen.weights, "the Hub", folder.name)


def _files_of(repo: str, folder: Path) -> dict[str, ModelFile]:
    """All files of the commit as the Hub described them when it was asked last."""
    try:
        listed = get_cached_repo_tree(repo, revision=folder.name)
    except CachedRepoTreeNotFoundError:
        # A cache that an older version of huggingface_hub filled: the name of each blob is its digest.
        return {file.path: file for file in _files_in(folder)}
    return {
        file.path: ModelFile(file.path, file.size, file.lfs.sha256 if file.lfs else file.blob_id) for file in listed
    }


def _files_in(folder: Path) -> Iterator[ModelFile]:
    for place in folder.rglob("*"):
        if place.is_file():
            name = os.path.basename(os.readlink(place)) if place.is_symlink() else ""
            digest = name if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name) else None
            yield ModelFile(place.relative_to(folder).as_posix(), digest=digest)


def _explain(error: BaseException, local_only: bool) -> str:
    """The advice for the innermost cause that we know, or the error itself: libraries wrap what they catch."""
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
    for found in causes:
        if isinstance(found, HfHubHTTPError) and found.response is not None:
            status = found.response.status_code
            return _STATUS.get(status, f"the Hub ({constants.ENDPOINT}) answers with {status}: try again later")
    for kind, advice in _AWAY:
        if any(isinstance(found, kind) for found in causes):
            return advice.format(away=_away(local_only))
    # The addresses that the Hub redirects to are signed.
    return re.sub(r"\?\S+", "?…", f"{type(error).__name__}: {error}")


def _away(local_only: bool) -> str:
    """Why the Hub says nothing."""
    if local_only:
        return "nobody asked the Hub"
    return "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"the Hub ({constants.ENDPOINT}) cannot be reached"
