"""GET /api/v1/scorers: who says how good outputs are."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, reply
from dashboard.schemas import Scorer, ScorerList
from farm.scorers import facts_of, scorer_names


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/scorers", tags=[RENDERS], responses={200: ScorerList})
    def get_scorers() -> Response:
        """List the scorers that are installed, those of other packages too."""
        return reply(ScorerList(items=[scorer(name) for name in scorer_names()]))


def scorer(name: str) -> Scorer:
    """What is known of a scorer."""
    facts = facts_of(name)
    return Scorer(name=name, about=str(facts.about), reads=facts.reads.value, weights=facts.weights)
