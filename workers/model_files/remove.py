"""Take a model's files off this machine: a revision of the Hub's cache, or the copy of a bucket."""

import shutil

from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from farm.catalog import ModelEntry
from farm.settings import Settings
from workers.model_files.bucket_download import copy_of
from workers.model_files.download_result import FetchFailed


def remove(entry: ModelEntry, settings: Settings) -> int:
    """The bytes that are free again. Raises FetchFailed when there is nothing of it, or it is a folder of yours."""
    bucket = entry.source.bucket()
    if entry.source.repo is not None:
        return _remove_revision(entry.source.repo, str(entry.source.revision))
    if bucket is None:
        raise FetchFailed(f"its files were not fetched, they lie in {entry.source.folder()}; remove that yourself")
    copy = copy_of(*bucket, settings)
    if not copy.is_dir():
        raise FetchFailed(f"there is no copy of {entry.source.path} on this machine")
    size = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
    shutil.rmtree(copy)
    return size


def _remove_revision(repo: str, revision: str) -> int:
    """Blobs that another revision of the repository uses stay."""
    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        raise FetchFailed("there is no cache of the Hub on this machine (HF_HOME)") from None
    commits = [
        found.commit_hash
        for cached in cache.repos
        if cached.repo_id == repo and cached.repo_type == "model"
        for found in cached.revisions
        if revision == found.commit_hash or revision in found.refs
    ]
    if not commits:
        raise FetchFailed(f"the cache of the Hub holds no revision {revision} of {repo}")
    strategy = cache.delete_revisions(*commits)
    strategy.execute()
    return strategy.expected_freed_size
