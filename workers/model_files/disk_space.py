"""Is there room for what is about to be fetched? Asked before, because a full disk stops every worker on it."""

import shutil
from pathlib import Path

from workers.model_files.download_result import FetchFailed

#: Left free for logs, spools and neighbours.
SPARE_BYTES = 1_000_000_000


def check_disk_space(place: Path, needed: int, advice: str) -> None:
    """Raises FetchFailed when fewer than `needed` bytes (and some to spare) are free where `place` is or will be."""
    if needed == 0:
        return
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed + SPARE_BYTES:
        raise FetchFailed(
            f"the disk is full: {needed / 1e9:.1f} GB are to be fetched (and {SPARE_BYTES / 1e9:.0f} GB should stay "
            f"free), and {place} has {free / 1e9:.1f} GB; free some space, or {advice}"
        )
