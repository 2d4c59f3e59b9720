"""Is a model on this machine? By names and sizes only: a list of all models should not read terabytes."""

from dataclasses import dataclass

from farm.catalog import ModelEntry
from farm.settings import Settings
from workers.model_files.download import fetch
from workers.model_files.download_result import FetchFailed
from workers.model_files.weights import BadWeights, check_whole


@dataclass(frozen=True)
class CachedState:
    """`state`: 'here', 'damaged' (some are cut off or not there), 'not here'; `size` in bytes."""

    state: str
    size: int = 0


def look(entry: ModelEntry, settings: Settings) -> CachedState:
    """What of the model's files is here."""
    try:
        fetched = fetch(entry, settings, local_only=True)
    except FetchFailed:
        return CachedState("not here")
    except BadWeights:
        return CachedState("damaged")
    places = {file: fetched.folder / file.path for file in fetched.files}
    short = [
        file for file, place in places.items() if not place.is_file() or file.size not in (None, place.stat().st_size)
    ]
    try:
        check_whole(fetched.folder / path for path in fetched.weights)
    except (BadWeights, OSError):
        return CachedState("damaged", fetched.size)
    return CachedState("damaged" if short else "here", fetched.size)
