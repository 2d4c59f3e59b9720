"""GET /api/v1/scores: what a scorer said of finished renders, in the order of its figures."""

from typing import Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from dashboard.api.common import RENDERS, reply
from dashboard.api.get_renders import GalleryQuery
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import behind_score, read_behind_score
from dashboard.reads.gallery.scores import ScorePlace, ScoreQuery, count_scores, list_scores
from dashboard.reads.known_names import check_gallery_names
from dashboard.schemas import ScorePage
from farm.database import read
from farm.lifecycle import ScoreStatus


class ScoresQuery(GalleryQuery):
    """Which renders, as in GET /renders; by which scorer, and in which order."""

    scorer: str = Field(max_length=100, description="Whose figures")
    status: ScoreStatus = Field(ScoreStatus.DONE, description="Figures that are there, are to come, or that are none")
    order: Literal["best", "worst"] = Field("best", description="Which come first")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/scores", tags=[RENDERS], responses={200: ScorePage})
    def get_scores(query: ScoresQuery) -> Response:
        """List the scores of finished renders by one scorer, the best first.

        Of a job its first 20,000 renders are looked at, else the newest 20,000 of the project.
        """
        asked = query.model_copy(update={"scorer": None}) if query.least_score is None else query
        wanted = ScoreQuery(asked.chosen(), query.scorer, query.status, query.order == "best")
        project_id = principal().project_id
        after = None if (place := read_behind_score(query.cursor)) is None else ScorePlace(*place)
        with read(farm().engine) as connection:
            check_gallery_names(farm(), connection, project_id, query.chosen())
            items, last = list_scores(connection, project_id, wanted, limit=query.limit, after=after)
            counts = count_scores(connection, project_id, wanted.chosen, query.scorer)
        return reply(
            ScorePage(
                items=items,
                next_cursor=None if last is None else behind_score(last.value, last.render_id),
                pending=counts[ScoreStatus.PENDING],
                done=counts[ScoreStatus.DONE],
                failed=counts[ScoreStatus.FAILED],
            )
        )
