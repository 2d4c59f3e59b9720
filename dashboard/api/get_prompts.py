"""GET /api/v1/prompts: what one asked for lately."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import JOBS, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.schemas import PromptList
from dashboard.schemas.base import RequestPart
from farm.database import read
from scheduler.gallery.presets import recent_prompts


class PromptsQuery(RequestPart):
    """How many."""

    model_config = ConfigDict(extra="forbid")
    limit: int = Field(20, ge=1, le=100, description="Most prompts")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/prompts", tags=[JOBS], responses={200: PromptList})
    def get_prompts(query: PromptsQuery) -> Response:
        """List the prompts of your newest jobs in this project, each once."""
        who = principal()
        with read(farm().engine) as connection:
            return reply(PromptList(items=recent_prompts(connection, who.project_id, who.user_id, query.limit)))
