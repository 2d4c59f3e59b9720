"""The page of workers and pools."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.machines import list_pools, list_workers
from farm.database import read
from farm.security import Role

blueprint = Blueprint("workers", __name__)


@blueprint.get("/workers")
def index() -> ResponseReturnValue:
    """Every pool with its workers."""
    who = principal()
    with read(farm().engine) as connection:
        pools = list_pools(connection, who.project_id)
        found = list_workers(connection, now(), with_errors=who.role == Role.OPERATOR)
    by_pool = {pool.name: [worker for worker in found if worker.pool == pool.name] for pool in pools}
    return render_template("workers.html", pools=pools, by_pool=by_pool)
