"""Whether this process is alive, and whether it can do its work. Open to everybody; says nothing else."""

from flask import Blueprint, Response
from sqlalchemy import select

from dashboard.context import farm
from farm.database import read

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """200 as long as the process answers."""
    return Response("ok\n", content_type="text/plain")


@blueprint.get("/readyz")
def ready() -> Response:
    """200 when the database answers too, else 503."""
    with read(farm().engine) as connection:
        connection.execute(select(1))
    return Response("ready\n", content_type="text/plain")
