"""GET /api/v1/inputs: the pictures that the project has uploaded."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import INPUTS, PageQuery, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.inputs import page_of_inputs
from dashboard.schemas import InputPage
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/inputs", tags=[INPUTS], responses={200: InputPage})
    def get_inputs(query: PageQuery) -> Response:
        """List the uploaded pictures of your project, newest first."""
        with read(farm().engine) as connection:
            return reply(page_of_inputs(connection, principal().project_id, query.cursor, query.limit))
