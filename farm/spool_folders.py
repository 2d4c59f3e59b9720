"""The folders in which engines leave pixels for their workers, and what becomes of those of workers that were killed.

A worker holds a lock in its folder, which ends with its process: a folder whose lock nobody holds is nobody's.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PREFIX, LOCK = "latent-farm-spool-", "lock"


def abandoned(parent: Path, *, remove: bool) -> Iterator[Path]:
    """The folders below `parent` that no worker holds; each is removed, if that is asked for, while it is locked."""
    for lock in sorted(parent.glob(f"{PREFIX}*/{LOCK}")):
        try:
            held = os.open(lock, os.O_RDWR)
        except OSError:  # another user's, or just removed
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            if remove:
                shutil.rmtree(lock.parent, ignore_errors=True)
            yield lock.parent
        finally:
            os.close(held)
