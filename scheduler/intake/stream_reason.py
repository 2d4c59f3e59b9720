"""Why a job is not at its end of whose renders none is left: its stream is not."""

from farm.sentences import sentence
from scheduler.forecasts.wait_reasons import Reason
from scheduler.intake.open_stream import Position


def stream_reason(position: Position, hours: float) -> Reason:
    """What the job waits for and what is to be done; `hours`: after which a silent stream ends (the setting)."""
    ends = position.updated_at + hours * 3600
    if position.error is None:
        said = sentence(
            "Its rows are still coming in: %(rows)s so far. If nobody sends them any more, go on with "
            "farm submit --continue %(job)s --file FILE, or end it with farm cancel %(job)s; "
            "after %(hours)s hours without a row it ends by itself.",
            rows=position.rows,
            job=position.job_id,
            hours=f"{hours:g}",
        )
    else:
        said = sentence(
            "Its rows stopped at line %(line)s, which was refused; those before it are in. Correct the file from that "
            "line on and go on with farm submit --continue %(job)s --file FILE, or end it with farm cancel %(job)s; "
            "after %(hours)s hours without a row it ends by itself.",
            line=position.lines + 1,
            job=position.job_id,
            hours=f"{hours:g}",
        )
    return Reason("admitting", said, {"rows": position.rows, "next_line": position.lines + 1, "ends_at": ends})
