"""Seeds for rows that name none: the same again whenever the same row of the same job is looked at."""

import hashlib
from collections.abc import Callable

from scheduler.admission.submit import DRAWN_SEEDS


def seeds_for(job_id: str, index: int) -> Callable[[], int]:
    """Draws for a row whose first render has this index in its job.

    The n-th draw (from 0) is the first four bytes, as a big-endian number, of the SHA-256 of 'JOB_ID/INDEX' with
    INDEX + n, so that a row that is sent again after a crash becomes the same render.
    """
    drawn = 0

    def draw() -> int:
        nonlocal drawn
        digest = hashlib.sha256(f"{job_id}/{index + drawn}".encode()).digest()
        drawn += 1
        return int.from_bytes(digest[:4], "big") % DRAWN_SEEDS

    return draw
