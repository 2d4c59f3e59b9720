"""Fetch a model and read every file of it; what came or has become damaged is fetched a second time."""

from pathlib import Path

import structlog

from farm.catalog import ModelEntry
from farm.settings import Settings
from workers.model_files.check_files import Checked, check
from workers.model_files.download import fetch
from workers.model_files.download_result import Fetched

log = structlog.get_logger(__name__)


def pull(entry: ModelEntry, settings: Settings) -> Checked:
    """Raises FetchFailed or BadWeights when the files cannot be had; what is still wrong then is in the answer."""
    fetched = fetch(entry, settings)
    damaged = check(fetched).wrong
    if damaged and fetched.source:
        log.warning("damaged files are fetched again", model=entry.name, files=sorted(damaged))
        for path in damaged:
            _remove(fetched, path)
        fetched = fetch(entry, settings)
    return check(fetched, entry.lock)


def _remove(fetched: Fetched, path: str) -> None:
    """The file, and the blob in the Hub's cache that it links to."""
    place = fetched.folder / path
    while place.is_symlink():
        target = place.parent / place.readlink()
        place.unlink()
        place = Path(target)
    place.unlink(missing_ok=True)
