"""The submit form. It works without JavaScript; with it, faults appear beside their fields without a new page."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.problems import PROBLEM_JSON
from dashboard.reads.jobs import find_job
from dashboard.reads.renders import find_render
from dashboard.schemas import Job
from dashboard.translations.stored import recognised
from dashboard.web.artifacts import address
from dashboard.web.form.adapters import fitting_adapters
from dashboard.web.form.pasted_prompts import take_pasted
from dashboard.web.form.presets import preset_of
from dashboard.web.form.submission import Form, Typed, by_field, chosen_of, form_of, read_typed, typed_again
from dashboard.web.form.sweeps import Sweep, read_sweep
from farm.catalog import ModelEntry
from farm.database import read
from farm.errors import Fault, InvalidRequest, UnknownModel
from farm.params.forms import parameters_schema
from farm.params.request.base import ADAPTER_SUFFIX
from scheduler import uploads
from scheduler.admission import quote as quotes
from scheduler.admission import submit
from scheduler.admission.validation_offload import check
from scheduler.gallery.presets import list_presets, recent_prompts

blueprint = Blueprint("submit", __name__)

#: Offered in a list; an older one is asked for over the API.
MOST_UPLOADS = 100
MOST_PROMPTS = 20


@blueprint.get("/submit")
def show() -> ResponseReturnValue:
    """The form of a model, empty or filled with what an earlier render was asked."""
    if (preset := request.args.get("preset")) is not None:
        kept = preset_of(preset)
        filled = {**kept.fields, "form_id": str(uuid.uuid4())}  # with it a switch that is not there is off
        model = kept.fields.get("model")
        gone = model is not None and model not in farm().catalog.models
        return form_page(chosen_model(None if gone else model), filled, preset=kept, gone=model if gone else None)
    again = request.args.get("again")
    if again is None:
        return form_page(chosen_model(request.args.get("model")), request.args)
    job, parameters = _asked_before(again)
    if "training" in parameters:
        return redirect(url_for("trainings.page", job_id=job.id), 303)
    new_seeds = {"seeds": "", "seed_count": "4"} if "vary" in request.args else {}
    return form_page(chosen_model(job.model), typed_again(parameters) | new_seeds)


@blueprint.post("/submit")
def send() -> ResponseReturnValue:
    """Submit what was typed, or say what it would cost; on faults the form again with each beside its field."""
    typed = request.form
    entry = chosen_model(typed.get("model"))
    document, sweep, pasted = _read(typed, entry)
    who = principal()
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    try:
        asked, resolved = check(farm(), who.project_id, document, draw_seed=submit.draw_seed)
        if sweep.faults or pasted:
            raise InvalidRequest([])
        if typed.get("dry_run"):
            found = quotes.quote(farm(), project_id=who.project_id, request=asked, resolved=resolved)
            return form_page(entry, typed, quote=found)
        made = submit.submit(
            farm(),
            project_id=who.project_id,
            user_id=who.user_id,
            request=asked,
            # One form sent twice makes one job; the same page sent with something else in it makes another.
            idempotency_key=f"form-{_form_id(typed)}-{digest[:16]}",
            body_sha256=digest,
            resolved=resolved,
        )
    except InvalidRequest as refused:
        told = [Fault(fault.field, recognised(fault.message)) for fault in (*pasted, *refused.faults)]
        faults = sweep.at_the_box(told)
        if request.accept_mimetypes.best == PROBLEM_JSON:  # the page's own script asked
            raise InvalidRequest(faults) from refused
        return form_page(entry, typed, faults), 422
    return redirect(url_for("job.page", job_id=made.job_id), 303)


@blueprint.post("/submit/quote")
def live_quote() -> ResponseReturnValue:
    """What the form asks for so far would cost and when it would be done, as a line; empty while there are faults."""
    typed = request.form
    entry = chosen_model(typed.get("model"))
    document, sweep, pasted = _read(typed, entry)
    if sweep.faults or pasted or not document["prompt"]:
        return ""
    who = principal()
    try:
        asked, resolved = check(farm(), who.project_id, document, draw_seed=submit.draw_seed)
        found = quotes.quote(farm(), project_id=who.project_id, request=asked, resolved=resolved)
    except InvalidRequest:
        return ""
    return render_template("quote_line.html", quote=found)


def _read(typed: MultiDict[str, str], entry: ModelEntry) -> tuple[dict[str, Any], Sweep, list[Fault]]:
    """The request as the API would get it, the lists of it, and what is wrong with what was pasted."""
    form = form_of(parameters_schema(entry, farm().settings.class_shares))
    document = read_typed(typed, form)
    sweep = read_sweep(typed.get("sweep", ""), form, document)
    names = _adapter_names(entry, form)
    for use in document.get("loras", ()):
        use["name"] = (names or {}).get(use["name"].casefold(), use["name"])
    return document, sweep, take_pasted(document, names)


def form_page(
    entry: ModelEntry,
    typed: Typed,
    faults: Sequence[Fault] = (),
    quote: quotes.Quote | None = None,
    preset: Any = None,
    gone: str | None = None,
    notices: Sequence[str] = (),
    remarks: Sequence[str] = (),
) -> str:
    """The form, with what was typed, what is wrong with it, what it would cost, or what a file did not say."""
    pools = farm().catalog.pools.values()
    served = {pool.model for pool in pools}
    form = form_of(parameters_schema(entry, farm().settings.class_shares))
    who = principal()
    with read(farm().engine) as connection:
        presets = list_presets(connection, who.project_id, who.user_id)
        prompts = recent_prompts(connection, who.project_id, who.user_id, MOST_PROMPTS)
    return render_template(
        "submit.html",
        preset=preset,
        gone=gone,
        presets=presets,
        prompts=prompts,
        entry=entry,
        served=[model for model in farm().catalog.models.values() if model.name in served],
        unserved=[model for model in farm().catalog.models.values() if model.name not in served],
        form=form,
        typed=typed,
        chosen_of=chosen_of,
        pictures=_uploads(form, "picture", "pictures"),
        clips=_uploads(form, "clip", "clip alone"),
        adapters=fitting_adapters(entry, _uploads(form, "adapters")),
        faults=by_field(faults, form),
        form_id=_form_id(typed),
        quote=quote,
        notices=notices,
        remarks=remarks,
    )


def _uploads(form: Form, *kinds: str) -> Sequence[Any]:
    """The newest uploads, of which nothing but pictures (and clips) where these are meant; none if no field is of these
    kinds.
    """
    if all(field.kind not in kinds for field in form.options):
        return []
    with read(farm().engine) as connection:
        return uploads.list_inputs(
            connection,
            principal().project_id,
            after=None,
            limit=MOST_UPLOADS,
            only_pictures="adapters" not in kinds,
            with_clips="clip" in kinds,
        )


def _adapter_names(entry: ModelEntry, form: Form) -> dict[str, str] | None:
    """The names by which people know an adapter, in small letters; None where the model takes none."""
    if all(field.kind != "adapters" for field in form.options):
        return None
    known = {upload.name.removesuffix(ADAPTER_SUFFIX): upload.id for upload in reversed(_uploads(form, "adapters"))}
    known |= {adapter.source.stem: name for name, adapter in entry.adapters.items()}
    known |= {name: name for name in entry.adapters}
    return {name.casefold(): given for name, given in known.items()}


def _form_id(typed: Typed) -> str:
    try:
        return str(uuid.UUID(str(typed.get("form_id", ""))))
    except ValueError:
        return str(uuid.uuid4())


def chosen_model(name: str | None) -> ModelEntry:
    """The model of this name; without a name the first that a pool serves. Aborts where there is none."""
    catalog = farm().catalog
    if name is not None:
        try:
            return catalog.model(name)
        except UnknownModel:
            abort(404)
    served = [pool.model for pool in catalog.pools.values()]
    return catalog.model(served[0]) if served else next(iter(catalog.models.values()))


def _asked_before(render_id: str) -> tuple[Job, dict[str, Any]]:
    project_id = principal().project_id
    with read(farm().engine) as connection:
        render = find_render(connection, project_id, render_id, progress_of=lambda _: {}, address_of=address)
        return find_job(connection, project_id, render.job_id), render.parameters
