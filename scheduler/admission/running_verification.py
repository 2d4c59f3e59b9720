"""Whether a verification of a render is under way: of one render there is one at a time, however many ask at once."""

from sqlalchemy import Connection, select

from farm.tables import Job, Render


class VerificationUnderWay(Exception):
    """Somebody else's verification of the same render committed while this one was on its way. `job_id`: its job."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


def find_under_way(connection: Connection, project_id: str, render_id: str) -> str | None:
    """The job of the project that renders this again and has not ended, if any. Reads ix_jobs_verifies_id."""
    found = select(Job.id).where(Job.verifies_id == render_id, Job.project_id == project_id, Job.finished_at.is_(None))
    return connection.scalar(found.limit(1))


def refuse_a_second(connection: Connection, project_id: str, render_id: str) -> None:
    """Before the job goes in: whoever verifies the same render waits here for the end of this transaction.

    Raises VerificationUnderWay.
    """
    connection.execute(select(Render.id).where(Render.id == render_id).with_for_update(key_share=True))
    if (job_id := find_under_way(connection, project_id, render_id)) is not None:
        raise VerificationUnderWay(job_id)
