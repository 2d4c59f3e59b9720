"""GET /api/v1/dead-letters: the renders that failed for good."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from dashboard.api.common import RENDERS, Line, PageQuery, reply
from dashboard.auth import may, principal, require
from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.reads.dead_letters import list_dead_letters
from dashboard.reads.ids import known_form
from dashboard.reads.known_names import KnownNames
from dashboard.schemas import DeadLetterPage
from farm.database import read
from farm.security import Scope
from scheduler.control.dead_letters import LetterFilter


class DeadLetterQuery(PageQuery):
    """Which failed renders."""

    job: Line | None = Field(None, description="Only of this job")
    model: Line | None = Field(None, description="Only of this model")
    reason: Line | None = Field(None, description="Only with these words in the reason")
    all_projects: bool = Field(False, description="For operators: not only of their own project")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/dead-letters", tags=[RENDERS], responses={200: DeadLetterPage})
    def get_dead_letters(query: DeadLetterQuery) -> Response:
        """List failed renders, newest first, with the last lines that their workers logged."""
        if query.all_projects:
            require(Scope.OPERATE)
        chosen = LetterFilter(
            project_id=None if query.all_projects else principal().project_id,
            job_id=known_form("job", query.job) if query.job else None,
            model=query.model,
            reason=query.reason,
        )
        with read(farm().engine) as connection:
            known = KnownNames(farm(), connection, chosen.project_id)
            known.models([chosen.model])
            known.check()
            items, more = list_dead_letters(
                connection,
                chosen,
                before=read_older_than(NewestFirst.FAILED_RENDERS, query.cursor),
                limit=query.limit,
                for_operator=may(Scope.OPERATE),
            )
        return reply(
            DeadLetterPage(
                items=items, next_cursor=older_than(NewestFirst.FAILED_RENDERS, items[-1].render_id) if more else None
            )
        )
