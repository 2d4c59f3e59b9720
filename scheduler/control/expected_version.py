"""The version that whoever changes a job believes it to have, held against the row in the transaction of the change.

A request says it once (`If-Match`); it is checked when the job's row is first locked or written. A change that goes on
in chunks raises the version itself, so the chunks behind the first are not checked.
"""

from collections.abc import Collection
from contextvars import ContextVar

from farm.errors import Changed

_expected: ContextVar[tuple[str, frozenset[int]] | None] = ContextVar("expected_version", default=None)


def expect_version(job_id: str | None, versions: Collection[int] = ()) -> None:
    """From here on, in this request: the next change of the job must find it at one of these; None: at any."""
    _expected.set(None if job_id is None else (job_id, frozenset(versions)))


def check_expected(job_id: str, before: int) -> None:
    """The job was at the version `before` when this change took its row. Raises Changed, in a transaction."""
    expected = _expected.get()
    if expected is None or expected[0] != job_id:
        return
    if before not in expected[1]:
        raise Changed(f"The job is at version {before} now; read it again, then decide.")
    _expected.set(None)
