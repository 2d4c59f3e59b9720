"""POST /api/v1/scores: have finished renders scored."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import RENDERS, json_body, reply
from dashboard.api.get_renders import GalleryFields
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.http.bodies import read_json
from dashboard.reads.gallery.listing import GalleryFilter
from dashboard.reads.gallery.scores import renders_to_score
from dashboard.reads.known_names import check_gallery_names, unknown
from dashboard.schemas import AskedScores
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.scorers import scorer_names
from farm.sentences import sentence
from scheduler.gallery.scores import ask_for_scores, count_pending

MOST_SCORERS = 20
#: In one request: rows that are written while it is answered.
MOST_FIGURES = 50_000


class ScoresRequest(BaseModel):
    """Who is to score."""

    model_config = ConfigDict(extra="forbid")
    scorers: list[str] = Field(min_length=1, max_length=MOST_SCORERS, description="Names of scorers")
    again: bool = Field(False, strict=True, description="Also what has a figure: weights or versions are others now")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/scores",
        tags=[RENDERS],
        responses={202: AskedScores},
        openapi_extensions=json_body(blueprint, ScoresRequest),
    )
    def post_scores(query: GalleryFields) -> Response:
        """Have the finished renders that the query chooses, as in GET /renders, scored by `farm scorer`.

        What has a figure or waits for one stays; what failed is tried again. Read them with GET /scores.
        """
        asked = ScoresRequest.model_validate(read_json())
        return reply(ask(query.chosen(), asked.scorers, again=asked.again), 202)


def ask(chosen: GalleryFilter, scorers: list[str], *, again: bool = False) -> AskedScores:
    """Have the chosen renders of the caller's project scored. Raises InvalidRequest and NotFound."""
    known = scorer_names()
    wanted = list(dict.fromkeys(scorers))
    if faults := [
        Fault(f"/scorers/{place}", unknown(sentence("scorer"), name, known, show=len(known)))
        for place, name in enumerate(wanted)
        if name not in known
    ]:
        raise InvalidRequest(faults)
    project_id, engine = principal().project_id, farm().engine
    with read(engine) as connection:
        check_gallery_names(farm(), connection, project_id, chosen)
        renders = renders_to_score(connection, project_id, chosen, wanted)
    if (wished := sum(map(len, renders.values()))) > MOST_FIGURES:
        told = f"at most {MOST_FIGURES:,} figures at once; seen {wished:,}: choose fewer renders or scorers"
        raise InvalidRequest([Fault("/scorers", told)])
    figures = sum(ask_for_scores(engine, project_id, ids, [name], now(), again=again) for name, ids in renders.items())
    with read(engine) as connection:
        pending = count_pending(connection, project_id)
    return AskedScores(renders=max(map(len, renders.values())), scores=figures, pending=pending)
