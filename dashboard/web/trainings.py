"""The pages of trainings: the form that begins one, and one with its samples, its losses and its LoRA."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, get_args

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from dashboard.auth import principal
from dashboard.charts.svg import lines
from dashboard.context import farm
from dashboard.reads.trainings import find_training
from dashboard.translations.stored import recognised
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.params.request.base import HIGH_NOISE, LOW_NOISE
from farm.params.training.request import TrainingRequest
from farm.params.training.stored import LrScheduler, Optimizer
from farm.params.training.trained_families import TRAINED
from farm.sentences import sentence
from scheduler.admission.submit_training import submit_training
from scheduler.uploads import list_inputs

blueprint = Blueprint("trainings", __name__)

#: Pictures and clips that the form offers, the newest.
OFFERED = 100
_WHOLE = ("max_train_steps", "rank", "train_batch_size", "validation_steps", "width", "height", "num_frames", "fps")
_REAL = ("learning_rate",)
_TEXTS = ("validation_prompt", "validation_image", "expert", "optimizer", "lr_scheduler")
#: Before the id of an upload in the name of its caption, and what the request calls that id.
_CAPTIONS = {"pictures": ("picture-", "image"), "clips": ("clip-", "video")}
_PLACE = re.compile(r"/(pictures|clips)/(\d+)/")
#: Fields of the form, each with a place for what is wrong with it.
_DRAWN = frozenset({"name", "model", *_WHOLE, *_REAL, *_TEXTS})


@blueprint.get("/trainings/new")
def ask() -> ResponseReturnValue:
    """The form, with the newest pictures and clips of the project."""
    return _form({}, {})


@blueprint.post("/trainings")
def begin() -> ResponseReturnValue:
    """Submit what was typed; what is wrong with it stands beside its fields."""
    typed = request.form.to_dict()
    document: dict[str, Any] = {"model": typed.get("model", ""), "name": typed.get("name", ""), **_examples(typed)}
    document |= {name: _number(typed[name], int) for name in _WHOLE if typed.get(name)}
    document |= {name: _number(typed[name], float) for name in _REAL if typed.get(name)}
    document |= {name: typed[name] for name in _TEXTS if typed.get(name)}
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    form_id = typed.get("form_id")
    try:
        made = submit_training(
            farm(),
            project_id=principal().project_id,
            user_id=principal().user_id,
            document=document,
            # One form sent twice makes one training; the same page sent with something else in it makes another.
            idempotency_key=f"form-{form_id}-{digest[:16]}" if form_id else None,
            body_sha256=digest,
        )
    except InvalidRequest as refused:
        return _form(typed, _placed(refused.faults, document)), refused.status
    return redirect(url_for("trainings.page", job_id=made.job_id), 303)


@blueprint.get("/trainings/<job_id>")
def page(job_id: str) -> ResponseReturnValue:
    """How far a training is, with the curve of its losses; when it is done its samples and its LoRA."""
    training = find_training(principal().project_id, job_id)
    curve = farm().cpu_work(partial(_curve, training.losses)) if training.losses else None
    return render_template("training.html", training=training, curve=curve)


def _examples(typed: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """What has a caption, pictures and clips apart."""
    found: dict[str, list[dict[str, str]]] = {}
    for examples, (prefix, name) in _CAPTIONS.items():
        captions = [(field.removeprefix(prefix), text) for field, text in typed.items() if field.startswith(prefix)]
        found[examples] = [{name: given, "caption": caption} for given, caption in captions if caption]
    return found


def _caption_field(upload: Any) -> str:
    """What the field of its caption is called."""
    prefix, _ = _CAPTIONS["clips" if upload.frames else "pictures"]
    return f"{prefix}{upload.id}"


def _form(typed: dict[str, str], faults: Mapping[str, list[str]]) -> str:
    with read(farm().engine) as connection:
        pictures = list_inputs(
            connection, principal().project_id, after=None, limit=OFFERED, only_pictures=True, with_clips=True
        )
    models = [entry for entry in farm().catalog.models.values() if _trains(entry)]
    beside = _DRAWN | {_caption_field(picture) for picture in pictures}
    defaults = {name: TrainingRequest.model_fields[name].default for name in (*_WHOLE, *_REAL)}
    return render_template(
        "training_form.html",
        pictures=pictures,
        caption_field=_caption_field,
        models=models,
        optimizers=get_args(Optimizer),
        lr_schedulers=get_args(LrScheduler),
        first_frames=any(TRAINED[model.family].first_frames for model in models),
        of_clips={model.name for model in models if TRAINED[model.family].clips},
        experts={model.name for model in models if TRAINED[model.family].experts} and (HIGH_NOISE, LOW_NOISE),
        typed=typed,
        defaults=defaults,
        faults=faults,
        above=[said for field, told in faults.items() if field not in beside for said in told],
        form_id=typed.get("form_id") or str(uuid.uuid4()),
    )


def _trains(entry: Any) -> bool:
    return entry.family in TRAINED and not entry.without_adapters and bool(farm().catalog.pools_of(entry.name))


def _placed(faults: Iterable[Fault], document: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong, by field of the form; '' is above it, for what has no field there."""
    placed: dict[str, list[str]] = {}
    for fault in faults:
        field, said = fault.field.removeprefix("/"), recognised(fault.message)
        if found := _PLACE.match(fault.field):
            prefix, name = _CAPTIONS[found[1]]
            field = f"{prefix}{document[found[1]][int(found[2])][name]}"
        elif field not in _DRAWN:
            field, said = "", sentence("%(field)s: %(fault)s", field=field, fault=said) if field else said
        placed.setdefault(field, []).append(said)
    return placed


def _number(text: str, kind: type) -> Any:
    """What was typed as a number, or as it is: then the check says what is wrong with it."""
    try:
        return kind(text)
    except ValueError:
        return text


def _curve(losses: list[tuple[int, float]]) -> Markup:
    values = [round(loss, 4) for _, loss in losses]
    return lines({"loss": values}, [str(step) for step, _ in losses], f"{values[0]:g} … {values[-1]:g}")
