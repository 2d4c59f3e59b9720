"""What the farm answers about scores."""

from __future__ import annotations

from datetime import datetime

from farm.client.replies.base import Reply


class Scorer(Reply):
    """What says how good an output is; larger is always better."""

    name: str
    about: str = ""
    reads: str = "pictures and clips"
    weights: bool = False


class Score(Reply):
    """What a scorer said of the output of a render; `value` is None until it is done, and where there is none."""

    render_id: str
    job_id: str
    index: int
    scorer: str
    status: str
    value: float | None = None
    made_by: str | None = None
    reason: str | None = None
    scored_at: datetime | None = None


class ScoreCounts(Reply):
    """How many scores are in which state."""

    pending: int
    done: int
    failed: int


class AskedScores(Reply):
    """What was asked for: of how many renders, how many figures are to come of it, and of the project in all."""

    renders: int
    scores: int
    pending: int
