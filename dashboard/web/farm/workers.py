"""The page of workers and pools."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import may, principal
from dashboard.context import farm, now
from dashboard.reads.curves import curves_by_pool
from dashboard.reads.fleet import list_pools, list_workers
from dashboard.reads.scaling import list_scaling, with_scaling
from dashboard.web.farm.batch_curve_drawing import draw
from farm.database import read
from farm.security import Scope
from scheduler.fleet.quarantine import release

blueprint = Blueprint("workers", __name__)


@blueprint.get("/workers")
def index() -> ResponseReturnValue:
    """Every pool with its workers."""
    who = principal()
    with read(farm().engine) as connection:
        pools = with_scaling(list_pools(connection, who.project_id), list_scaling(connection, farm().catalog))
        found = list_workers(connection, now(), with_errors=may(Scope.OPERATE))
        curves = curves_by_pool(connection, farm().catalog, pools)
    by_pool = {pool.name: [worker for worker in found if worker.pool == pool.name] for pool in pools}
    return render_template(
        "workers.html",
        pools=pools,
        by_pool=by_pool,
        curves={name: draw(found, farm().cpu_work) for name, found in curves.items() if found},
        currency=farm().settings.currency,
        operator=may(Scope.OPERATE),
    )


@blueprint.post("/workers/<worker_id>/release")
def release_worker(worker_id: str) -> ResponseReturnValue:
    """Let a quarantined worker claim again."""
    release(farm(), worker_id.lower(), now())
    return redirect(url_for("workers.index"), 303)
