"""What the renders of a job differ in: its axes, read off the request, as renders stand in the order of their axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from pydantic import ValidationError

from farm.params.request.declared import SWEPT, declared_fields
from farm.params.request.job_request import JobRequest
from farm.params.request.seeds import DRAWN
from farm.params.request.sweeps import swept
from farm.params.request.templates import Templates
from farm.sentences import sentence

PROMPT, SEED = "prompt", "seed"
#: Characters of a filled prompt that are made to be a label.
_LABEL_CHARS = 2_000


@dataclass(frozen=True)
class Axis:
    """Something that renders of a job differ in.

    `labels`: one for each value; empty for seeds that the farm drew, which only the renders know. `stride`: so many
    indexes lie between a render and the one with the next value.
    """

    name: str  # in addresses: 'guidance_scale', 'seed', 'prompt', or '{colour}' for a variable
    title: str
    count: int
    labels: Sequence[str] = ()
    stride: int = 1


def is_sweep(request: Mapping[str, Any]) -> bool:
    """Whether somebody asked for a parameter or a variable with several values, so that the grid is what they want."""
    lists = [request.get(name) for name in SWEPT] + list((request.get("variables") or {}).values())
    return any(isinstance(values, list) and len(values) > 1 for values in lists)


def axes_of(request: Mapping[str, Any], total: int) -> list[Axis]:
    """The axes along which there is more than one value, the slowest first: as `farm.params.resolve` makes renders.

    Empty where the renders are no grid: a job of one render, or one whose renders streamed in.
    """
    try:
        asked = JobRequest.model_validate(dict(request))
    except ValidationError:
        return []
    axes = [*_prompts(asked), *_parameters(asked), _seeds(asked)]
    if prod(axis.count for axis in axes) != total:
        return []
    stride, found = total, []
    for axis in axes:
        stride //= axis.count
        found.append(replace(axis, stride=stride))
    return [axis for axis in found if axis.count > 1]


def _prompts(asked: JobRequest) -> list[Axis]:
    if asked.variables is None and asked.rows is None:
        return [Axis(PROMPT, "Prompt", len(asked.prompts), asked.prompts)]
    templates = Templates(asked)
    if variables := templates.lone_variables():
        return [Axis(f"{{{name}}}", f"{{{name}}}", len(texts), texts) for name, texts in variables.items()]
    filled = [prompt.text for prompt in templates.fill(_LABEL_CHARS)]
    return [Axis(PROMPT, "Prompt", len(filled), filled)]


def _parameters(asked: JobRequest) -> list[Axis]:
    titles = declared_fields()
    return [
        Axis(name, titles[name].title, len(values), [value_text(value) for value in values])
        for name, values in swept(asked).items()
    ]


def _seeds(asked: JobRequest) -> Axis:
    if asked.seeds is None:
        return Axis(SEED, "Seed", asked.seed_count or 1)
    known = all(int(seed) != DRAWN for seed in asked.seeds)
    return Axis(SEED, "Seed", len(asked.seeds), [str(seed) for seed in asked.seeds] if known else ())


def value_text(value: object) -> str:
    """A value as people read it: '3.5', 'yes', 'none' for an empty text."""
    if isinstance(value, bool):
        return sentence("yes") if value else sentence("no")
    return f"{value:g}" if isinstance(value, float) else str(value) or sentence("none")
