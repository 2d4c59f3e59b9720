"""Scores of finished outputs, and who gives them."""

from typing import Literal

from pydantic import Field

from dashboard.schemas.base import Answer
from farm.lifecycle import ScoreStatus


class Scorer(Answer):
    """What says how good an output is; larger is always better."""

    name: str
    about: str = Field(description="What its figures say; empty for one that another package brings")
    reads: Literal["pictures", "clips", "pictures and clips"]
    weights: bool = Field(description="Whether it needs weights, which the setting scorer_weights names")


class ScorerList(Answer):
    """The scorers that are installed, by name."""

    items: list[Scorer]


class Score(Answer):
    """What a scorer said of the output of a render."""

    render_id: str
    job_id: str
    index: int = Field(description="The render's place in its job, from 0")
    scorer: str
    status: ScoreStatus
    value: float | None = Field(description="Larger is better; null until it is done, and where there is none")
    made_by: str | None = Field(description="The package that scored it, its version, and the hash of its weights")
    reason: str | None = Field(description="Why there is no figure")
    scored_at: str | None


class ScorePage(Answer):
    """One page of scores in one state, the best first unless asked otherwise, and how many are in which state."""

    items: list[Score]
    next_cursor: str | None
    pending: int
    done: int
    failed: int


class AskedScores(Answer):
    """What was asked for."""

    renders: int = Field(description="Finished renders that were chosen")
    scores: int = Field(description="Figures that are to come of it; those that are there or under way do not count")
    pending: int = Field(description="Figures of the project that are to come, these among them")
