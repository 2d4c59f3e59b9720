"""Two to four renders side by side, or two under a slider; what they differ in stands below them."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.grid.axes import value_text
from dashboard.reads.jobs import find_job
from dashboard.reads.renders import find_render
from dashboard.schemas import Artifact, Render
from dashboard.web.artifacts import address
from dashboard.web.form.adapters import write_adapters
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.params.request.declared import declared_fields
from farm.sentences import sentence

blueprint = Blueprint("compare", __name__)

FEWEST, MOST = 2, 4
VIEWS = ("side", "slider")
#: What is worth less than the room it takes: one follows from another, or is the farm's own.
_NOT_SHOWN = frozenset({"family", "step_cache", "best_of", "max_sequence_length"})


@blueprint.get("/compare")
def page() -> ResponseReturnValue:
    """The renders that the address names, in its order. Raises InvalidRequest and NotFound."""
    chosen = list(dict.fromkeys(request.args.getlist("render")))
    view = request.args.get("view", VIEWS[0])
    if not FEWEST <= len(chosen) <= MOST:
        told = sentence(
            "choose %(least)s to %(most)s renders; seen %(seen)s", least=FEWEST, most=MOST, seen=len(chosen)
        )
        raise InvalidRequest([Fault("/query/render", told)])
    if view not in VIEWS:
        told = sentence("must be one of %(known)s; seen %(seen)s", known=", ".join(VIEWS), seen=repr(view[:40]))
        raise InvalidRequest([Fault("/query/view", told)])
    project_id = principal().project_id
    with read(farm().engine) as connection:
        renders = [
            find_render(connection, project_id, one, progress_of=farm().progress.snapshot, address_of=address)
            for one in chosen
        ]
        models = {job: find_job(connection, project_id, job).model for job in {one.job_id for one in renders}}
    asked = [{"model": models[render.job_id], **render.parameters} for render in renders]
    return render_template(
        "compare.html",
        renders=renders,
        files=[file_of(render) for render in renders],
        view=view,
        ids=[render.id for render in renders],
        pairs=list(combinations(range(len(renders)), 2)),
        differences=differences(asked),
    )


def file_of(render: Render) -> Artifact | None:
    """What is shown of a render: its output, its draft, or the thumbnail of one that kept no more."""
    files = {file.kind: file for file in render.artifacts}
    return next((files[kind] for kind in ("output", "draft", "thumbnail") if kind in files), None)


def differences(asked: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """The parameters in which they differ, as people call them, with the value of each render."""
    titles = {name: field.title for name, field in declared_fields().items()}
    names = dict.fromkeys(name for one in asked for name in one if name not in _NOT_SHOWN)
    found = [
        (titles.get(name, name.replace("_", " ")), [_text(name, one.get(name)) for one in asked]) for name in names
    ]
    return [(title, texts) for title, texts in found if len(set(texts)) > 1]


def _text(name: str, value: Any) -> str:
    if value is None or value == []:
        return sentence("none")
    if name == "loras":
        return write_adapters(value)
    return str(value["id"]) if isinstance(value, dict) and "id" in value else value_text(value)
