"""The farm page and the page of one worker, for operators."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from dashboard.api.get_worker_log import worker_log
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.dead_letters import list_dead_letters
from dashboard.reads.farm.activity import list_activity
from dashboard.reads.farm.lane_history import lane_histories
from dashboard.reads.fleet import list_pools, list_workers
from dashboard.reads.ids import known_form
from dashboard.reads.scaling import list_scaling, with_scaling
from dashboard.web.farm.view import lane_charts, worker_rows
from farm.database import read
from farm.errors import NotFound
from farm.sentences import sentence
from farm.tables import Lane
from scheduler.control.dead_letters import LetterFilter
from scheduler.forecasts.backlog import Backlog, backlogs

#: Of a worker's log, on its page.
SHOWN_LINES = 100

blueprint = Blueprint("farm", __name__)

#: How far back the charts may go, by what the address says.
PERIODS = {"1h": 3600.0, "6h": 6 * 3600.0, "1d": 86_400.0, "2d": 2 * 86_400.0}
#: So many of the newest dead letters are on the page.
LETTERS = 5


@blueprint.get("/farm")
def index() -> ResponseReturnValue:
    """The whole farm: what waits, who renders, what was decided, what failed."""
    connections, at = farm(), now()
    period = request.args.get("period", "1h")
    seconds = PERIODS.get(period, 3600.0)
    alive_since = at - connections.settings.worker_gone_seconds
    with read(connections.engine) as connection:
        pools = with_scaling(
            list_pools(connection, principal().project_id), list_scaling(connection, connections.catalog)
        )
        workers = list_workers(connection, at, with_errors=True)
        activities = list_activity(connection, at, alive_since=alive_since, progress_of=connections.progress.snapshot)
        histories = lane_histories(connection, at, seconds)
        waiting = backlogs(connection, at)
        lanes = connection.execute(select(Lane.name, Lane.paused_at).order_by(Lane.name)).all()
        letters, more = list_dead_letters(connection, LetterFilter(), before=None, limit=LETTERS, for_operator=True)
    served = {pool.lane for pool in pools}
    return render_template(
        "farm.html",
        pools=pools,
        rows=worker_rows(workers, activities, at, connections.cpu_work),
        lanes=[
            (lane.name, lane.paused_at is not None, waiting.get(lane.name, Backlog(lane.name)))
            for lane in lanes
            if lane.name in served or lane.name in waiting
        ],
        charts=lane_charts([one for one in histories if one.lane in served], seconds, connections.cpu_work),
        scaled={name for name, entry in connections.catalog.pools.items() if entry.scaling is not None},
        period=period if period in PERIODS else "1h",
        periods=list(PERIODS),
        letters=letters,
        more_letters=more,
        at=at,
        currency=connections.settings.currency,
    )


@blueprint.get("/farm/workers/<worker_id>")
def worker(worker_id: str) -> ResponseReturnValue:
    """One worker: how it is, its hour, its last error, and what failed on it lately. Raises NotFound."""
    connections, at, worker_id = farm(), now(), known_form("worker", worker_id)
    alive_since = at - connections.settings.worker_gone_seconds
    with read(connections.engine) as connection:
        found = [one for one in list_workers(connection, at, with_errors=True) if one.id == worker_id]
        if not found:
            raise NotFound(sentence("There is no such worker, or it went more than an hour ago."))
        activities = list_activity(
            connection, at, alive_since=alive_since, progress_of=connections.progress.snapshot, worker_id=worker_id
        )
    [row] = worker_rows(found, activities, at, connections.cpu_work)
    return render_template("farm_worker.html", row=row, at=at, log=worker_log(worker_id).items[-SHOWN_LINES:])
