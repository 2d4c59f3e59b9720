"""The buttons of the farm page. Each says afterwards what was done; what can be taken back has a button for that."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from dashboard.api.patch_pool import PoolChange
from dashboard.context import farm, now
from dashboard.problems import from_validation
from dashboard.reads.ids import known_form
from dashboard.web.form.numbers import number
from farm.connections import Connections
from farm.errors import FarmError, NotFound
from farm.sentences import sentence
from scheduler.autoscale.scale_limits import ScaleLimits, change_limits
from scheduler.control.dead_letters import LetterFilter, retry_letters
from scheduler.control.pause_pool import pause_lane, pause_pool, resume_lane, resume_pool
from scheduler.fleet.drain_worker import drain_worker
from scheduler.fleet.quarantine import release

blueprint = Blueprint("farm_controls", __name__)

_Switch = Callable[[Connections, str], None]
_PAUSE: Mapping[str, _Switch] = {"pool": pause_pool, "lane": pause_lane}
_RESUME: Mapping[str, _Switch] = {"pool": resume_pool, "lane": resume_lane}


@blueprint.post("/farm/<kind>/pause")
def pause(kind: str) -> ResponseReturnValue:
    """Let nothing of a pool or a lane start any more; what runs ends."""
    name = _name()
    _switch(_PAUSE, kind)(farm(), name)
    return _back({"said": "paused", "kind": kind, "name": name})


@blueprint.post("/farm/<kind>/resume")
def resume(kind: str) -> ResponseReturnValue:
    """Let it go on."""
    name = _name()
    _switch(_RESUME, kind)(farm(), name)
    return _back({"said": "resumed", "kind": kind, "name": name})


@blueprint.post("/farm/scale")
def scale() -> ResponseReturnValue:
    """Limit how many workers the autoscaler gives a pool; an empty field is what the catalog says."""
    name = _name()
    typed = {field: request.form.get(field, "").strip() for field in ("minimum", "maximum")}
    try:
        asked = PoolChange.model_validate({field: number(text, int) for field, text in typed.items() if text})
        change_limits(farm(), name, ScaleLimits(asked.minimum, asked.maximum), typed)
    except ValidationError as error:
        return _refused(from_validation(error, ""))
    except FarmError as refused:
        return _refused(refused)
    before = {field: request.form.get(f"was_{field}", "")[:10] for field in typed}
    return _back({"said": "scaled", "name": name, **typed, "before": before})


@blueprint.post("/farm/workers/<worker_id>/drain")
def drain(worker_id: str) -> ResponseReturnValue:
    """Let a worker finish what it holds, and end."""
    try:
        drain_worker(farm(), known_form("worker", worker_id), now())
    except FarmError as refused:
        return _refused(refused)
    return _back({"said": "drained", "name": request.form.get("host", "")[:80]})


@blueprint.post("/farm/workers/<worker_id>/release")
def release_worker(worker_id: str) -> ResponseReturnValue:
    """Let a quarantined worker claim again."""
    try:
        release(farm(), known_form("worker", worker_id), now())
    except FarmError as refused:
        return _refused(refused)
    return _back({"said": "released", "name": request.form.get("host", "")[:80]})


@blueprint.post("/farm/retry")
def retry() -> ResponseReturnValue:
    """Try one failed render again, or all of all projects."""
    render_id = request.form.get("render")
    chosen = LetterFilter(render_ids=(known_form("render", render_id),) if render_id else ())
    return _back({"said": "retried", "count": retry_letters(farm(), chosen).renders})


def _name() -> str:
    name = request.form.get("name", "")[:200]
    if not name.isprintable():  # PostgreSQL refuses NUL
        raise NotFound()
    return name


def _switch(switches: Mapping[str, _Switch], kind: str) -> _Switch:
    if kind not in switches:
        raise NotFound(sentence("Nothing of the kind %(kind)s can be paused here.", kind=repr(kind[:40])))
    return switches[kind]


def _refused(error: FarmError) -> ResponseReturnValue:
    words = [fault.message for fault in error.faults] or [error.detail]
    return _back({"said": "refused", "why": "; ".join(words)})


def _back(notice: dict[str, Any]) -> ResponseReturnValue:
    """To the page, which says once what was done."""
    flash(notice, "notice")  # type: ignore[arg-type]  # it may be any JSON
    return redirect(url_for("farm.index"), 303)
