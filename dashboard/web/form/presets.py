"""Presets of the Submit form: its own buttons save what is filled in, and forget it."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.api.post_presets import NewPreset, keep_preset
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.web.admin.asked import asked_for
from farm.database import read
from scheduler.gallery.presets import find_preset, remove_preset

blueprint = Blueprint("presets", __name__)

#: Fields of the form that belong to one sending of it.
_NOT_KEPT = frozenset({"csrf_token", "form_id", "preset_name", "dry_run"})


@blueprint.post("/presets")
def save() -> ResponseReturnValue:
    """Keep what is filled in under the name that stands beside the button."""
    fields = {name: ",".join(values) for name, values in request.form.lists() if name not in _NOT_KEPT}
    kept = keep_preset(asked_for(NewPreset, {"name": request.form.get("preset_name", "").strip(), "fields": fields}))
    return redirect(url_for("submit.show", preset=kept.id), 303)


@blueprint.post("/presets/<preset_id>/remove")
def remove(preset_id: str) -> ResponseReturnValue:
    """Forget one."""
    who = principal()
    remove_preset(farm().engine, who.project_id, who.user_id, known_form("preset", preset_id))
    return redirect(url_for("submit.show", model=request.form.get("model")), 303)


def preset_of(preset_id: str) -> Any:
    """One of the asker's presets. Raises NotFound."""
    who = principal()
    with read(farm().engine) as connection:
        return find_preset(connection, who.project_id, who.user_id, known_form("preset", preset_id))
