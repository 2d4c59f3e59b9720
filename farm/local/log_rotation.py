"""Logs of the farm's processes: a large one is rotated when a process begins to write to it."""

from pathlib import Path

#: A log that has grown beyond this is rotated at the next start.
LOG_BYTES = 10_000_000


def rotate_large(log: Path) -> None:
    """Rename a log that has grown too large; the one that was renamed before is gone."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
