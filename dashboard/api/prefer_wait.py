"""`Prefer: wait=N` (RFC 7240 §4.3): a submission that answers when its job has ended, or N seconds later.

Who waits is a greenlet that sleeps, as an open live page is, and counts as one of those.
"""

import re
import time

from dashboard import schemas
from dashboard.live_updates import pump
from dashboard.problems import TooManyStreams
from dashboard.reads.jobs import find_job
from farm.connections import Connections
from farm.database import read

#: Proxies give up after a minute.
LONGEST_SECONDS = 50
#: A larger job is not waited for: its answer would not fit into one page.
MOST_RENDERS = 16
_WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*', re.IGNORECASE)


def wait_seconds(prefer: str | None) -> int | None:
    """For how many seconds a request would wait, at most LONGEST_SECONDS; None when it does not say.

    What it prefers besides, and what cannot be read, is passed over, as the RFC wants it.
    """
    for preference in (prefer or "").split(","):
        if (found := _WAIT.fullmatch(preference.partition(";")[0])) is not None:
            return min(int(found[1]), LONGEST_SECONDS)
    return None


def wait_for_end(connections: Connections, project_id: str, job_id: str, seconds: int) -> schemas.Job | None:
    """Wait until the job has ended, or for so many seconds; the job then. None: there was no room to wait at all."""
    ends = time.monotonic() + seconds
    try:
        # Subscribed before the job is read, so that its end cannot fall between the two.
        with pump().subscribe(project_id, frozenset({job_id})) as subscription:
            with read(connections.engine) as connection:
                job = find_job(connection, project_id, job_id)
            subscription.saw(job.id, job.version)
            while job.finished_at is None and (left := ends - time.monotonic()) > 0:
                told = subscription.next(left)
                if subscription.start_again():
                    with read(connections.engine) as connection:
                        job = find_job(connection, project_id, job_id)
                elif told is not None and isinstance(told.content, schemas.Job):
                    job = told.content
    except TooManyStreams:
        return None
    return job
