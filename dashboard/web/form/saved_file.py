"""A picture or clip that is dropped on the form gives back the parameters that it was made with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.translations.stored import stored
from dashboard.web.form.adapters import write_adapters
from dashboard.web.form.submission import Form, form_of, typed_again
from farm.catalog import Catalog, ModelEntry
from farm.comfyui.translate import Translated, translate
from farm.comfyui.workflow.graph import CannotRender, NotAWorkflow
from farm.comfyui.workflow.workflow_file import read_workflow
from farm.errors import Fault, InvalidRequest
from farm.params.forms import parameters_schema
from farm.params.request.base import CLIPS, PICTURE_LISTS, PICTURES
from farm.saved_parameters.infotext import Infotext, read_infotext
from farm.saved_parameters.reading import SavedTexts
from farm.sentences import Sentence, sentence

#: A1111's names for fields of the form.
_INFOTEXT = {"Steps": "num_inference_steps", "CFG scale": "guidance_scale", "Seed": "seeds", "Frames": "num_frames"}
#: What A1111's text says of files and programs, and of no parameter.
_NO_PARAMETER = frozenset(
    {"Model", "Model hash", "Lora hashes", "Version", "Size", "Sampler", "Step cache", "TI hashes", "Hashes",
     "Training steps", "VAE", "VAE hash", "RNG", "Schedule type"}
)  # fmt: skip


@dataclass
class Filled:
    """A form filled in: the model, what stands in the fields, and what the file says that is not taken over."""

    entry: ModelEntry
    typed: dict[str, Any] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)  # on nodes of a graph: 'NODE: what is not as there'


def filled_by(saved: SavedTexts, catalog: Catalog, chosen: ModelEntry) -> Filled:
    """The form that asks for the same again: by this farm's own document, else by a graph, else by A1111's text.

    `chosen`: the model where the file names none of this farm. Raises InvalidRequest where nothing can be taken.
    """
    if saved.document and (found := _by_document(saved.document, catalog, chosen)):
        return found
    text = read_infotext(saved.infotext or "")
    if saved.workflow:
        try:
            return _by_graph(saved.workflow, catalog, chosen)
        except CannotRender as refused:
            if text is None:
                raise InvalidRequest([_of_node(fault) for fault in refused.faults]) from None
        except NotAWorkflow as refused:
            if text is None:
                raise InvalidRequest([Fault("", str(refused))]) from None
    if text is None:
        raise InvalidRequest([Fault("", sentence("What this file says of how it was made cannot be read."))])
    return _by_infotext(text, catalog, chosen)


def _by_document(text: str, catalog: Catalog, chosen: ModelEntry) -> Filled | None:
    try:
        document = json.loads(text)
        name, parameters = document["model"]["name"], dict(document["parameters"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if parameters.get("training"):
        told = sentence("This sheet is of a training, which is no render; its job's page leads to the training.")
        raise InvalidRequest([Fault("", told)])
    found = _of_model(name, catalog, chosen)
    found.typed = _typed(typed_again(_well_formed(parameters)))
    found.typed["prompt"] = _line(found.typed.get("prompt", ""))
    return found


def _well_formed(parameters: dict[str, Any]) -> dict[str, Any]:
    """Without parts that are not as this farm writes them: anybody can write such a file."""
    uses = parameters.get("loras")
    good = [
        use
        for use in (uses if isinstance(uses, list) else ())
        if isinstance(use, Mapping) and isinstance(use.get("name"), str) and isinstance(use.get("weight"), int | float)
    ]
    kept: dict[str, Any] = {**parameters, "loras": good}
    for name in (*PICTURES, *CLIPS):
        if not _has_id(kept.get(name)):
            kept.pop(name, None)
    for name in PICTURE_LISTS:
        several = kept.pop(name, None)
        if isinstance(several, list) and all(map(_has_id, several)):
            kept[name] = several
    return kept


def _has_id(picture: object) -> bool:
    return isinstance(picture, Mapping) and isinstance(picture.get("id"), str)


def _by_graph(workflow: str, catalog: Catalog, chosen: ModelEntry) -> Filled:
    """Raises CannotRender and NotAWorkflow."""
    graph = read_workflow(workflow)
    try:
        taken = translate(graph)
    except CannotRender:  # perhaps for the model alone
        taken = translate(graph, ("model", "sampler"))
    found = _of_model(taken.fields.get("model"), catalog, chosen)
    fields = dict(taken.fields)
    prompts = fields.pop("prompt", "")
    fields["prompt"] = "\n".join(map(_line, prompts)) if isinstance(prompts, list) else _line(prompts)
    seeds = fields.pop("seeds", None) or [fields.pop("seed", "")]
    fields["seeds"] = ", ".join(map(str, seeds))
    fields["loras"] = write_adapters(_adapters(taken))
    found.typed = _typed(fields)
    found.remarks = [_translatable(remark) for remark in taken.notices]
    found.notices += [_input_of(field, name) for field, names in taken.files.items() for name in _listed(names)]
    return found


def _translatable(remark: str) -> str:
    """With what it says behind its node as a sentence, where it is one."""
    if not isinstance(remark, Sentence):
        return remark
    return sentence("%(node)s: %(remark)s", node=remark.values["node"], remark=stored(remark.values["remark"]))


def _of_node(fault: Fault) -> Fault:
    """What is wrong with a graph stands behind its node."""
    return Fault("", sentence("%(node)s: %(why)s", node=fault.field, why=stored(fault.message)))


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


def _input_of(field: str, name: str) -> str:
    if field in CLIPS:
        return sentence("It began with the clip %(name)s: choose it below, or upload it first.", name=name)
    return sentence("It began with the picture %(name)s: choose it below, or upload it first.", name=name)


def _adapters(taken: Translated) -> list[dict[str, Any]]:
    return [
        {"name": file.replace("\\", "/").rpartition("/")[2].removesuffix(".safetensors"), "weight": weight}
        | ({"expert": expert} if expert else {})
        for _, file, weight, expert in taken.adapters
    ]


def _by_infotext(text: Infotext, catalog: Catalog, chosen: ModelEntry) -> Filled:
    said = text.parameters
    found = _of_model(said.get("Model"), catalog, chosen)
    form = form_of(parameters_schema(found.entry, {}))
    known = {option.name for option in form.options} | {"seeds"}
    found.typed = {"prompt": text.prompt, "negative_prompt": text.negative_prompt}
    found.typed |= {name: said[title] for title, name in _INFOTEXT.items() if title in said and name in known}
    width, _, height = said.get("Size", "").partition("x")
    if width.isdecimal() and height.isdecimal():
        found.typed |= {"width": width, "height": height}
    if sampler := said.get("Sampler"):
        _take_sampler(sampler, form, found)
    left = [name for name in said if name not in _NO_PARAMETER and _INFOTEXT.get(name) not in known]
    if left:
        found.notices.append(sentence("Not taken over: %(names)s.", names=", ".join(left)))
    return found


def _take_sampler(name: str, form: Form, found: Filled) -> None:
    offered = next((option.choices for option in form.options if option.name == "sampler"), ())
    plain = {_plain(choice): choice for choice in offered}
    if (known := plain.get(_plain(name.removesuffix(" Karras")))) is not None:
        found.typed["sampler"] = known
    else:
        found.notices.append(
            sentence("Its sampler %(name)s is none of this model: the usual one is chosen.", name=name)
        )


def _plain(sampler: str) -> str:
    return "".join(letter for letter in sampler.lower() if letter.isalnum() or letter == "+")


def _of_model(name: object, catalog: Catalog, chosen: ModelEntry) -> Filled:
    if isinstance(name, str) and name in catalog.models:
        return Filled(catalog.models[name])
    if not name:
        told = sentence("It names no model of this farm: %(chosen)s is chosen.", chosen=chosen.title)
    else:
        shown = str(name)[:100]
        told = sentence("It was made with %(model)s: %(chosen)s is chosen instead.", model=shown, chosen=chosen.title)
    return Filled(chosen, notices=[told])


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """What can stand in a field."""
    return {name: value for name, value in values.items() if isinstance(value, str | int | float | list)}


def _line(text: object) -> str:
    """On the form each line is a prompt of its own."""
    return " ".join(str(text).split())
