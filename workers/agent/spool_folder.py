"""The folder in which an engine leaves pixels for its worker: one for each worker, gone with it or soon after.

A worker that is killed cannot remove its folder. So it holds a lock in it, which ends with its process, and the next
worker on the machine removes what nobody holds. Who renders for a full disk renders in vain, so that is remembered.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import structlog

from farm.clock import Clock
from farm.spool_folders import LOCK, PREFIX, abandoned

log = structlog.get_logger(__name__)

#: Seconds in which nothing more is claimed after a write that found no room; then one batch tries again.
PAUSE_SECONDS = 30.0
#: For people.
DISK_FULL = "A disk of this machine is full, so what it renders cannot be kept. Free some space; TMPDIR says where."


class DiskSpace:
    """Remembers that a write found no room. `steady`: a clock that is never set."""

    def __init__(self, steady: Clock) -> None:
        self._steady = steady
        self._full_until = float("-inf")

    @property
    def is_full(self) -> bool:
        """Whether a write found no room within the last `PAUSE_SECONDS`."""
        return self._steady() < self._full_until

    def ran_out(self) -> None:
        """A write found no room."""
        if not self.is_full:
            log.error("disk full", reason=DISK_FULL, seconds=PAUSE_SECONDS)
        self._full_until = self._steady() + PAUSE_SECONDS


class SpoolFolder:
    """Makes one that only this user can read, and removes those of workers that are dead."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        for left in abandoned(parent, remove=True):
            log.info("removed what a killed worker had left", folder=str(left))
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        draft = self.path / f"{LOCK}.new"
        self._lock = os.open(draft, os.O_CREAT | os.O_RDWR, 0o600)  # not inherited: the engine may outlive us a moment
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        draft.rename(self.path / LOCK)  # nobody sees one that is not held yet

    def forget(self, render_id: str, attempt: int) -> None:
        """An attempt has ended with its engine: what lies here of it and was not told is nobody's.

        Its checkpoints stay: those that were told may still be on their way to the bucket.
        """
        for path in self.path.glob(f"{render_id}-{attempt}[.-]*"):
            if path.suffix != ".checkpoint":
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """The worker ends."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
