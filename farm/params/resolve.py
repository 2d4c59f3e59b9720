"""From a request to renders: each complete, each legal for its model, or every reason why not."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from farm.catalog.loading import Catalog
from farm.catalog.schema import ModelEntry
from farm.clock import system_clock
from farm.did_you_mean import did_you_mean
from farm.errors import MAX_FAULTS, Fault, InvalidRequest, UnknownModel
from farm.params.families import Family, common_parameters, family_named
from farm.params.outputs import output_parameters
from farm.params.pictures import FindInput, none_uploaded
from farm.params.renders import Renders
from farm.params.request.base import RenderParameters
from farm.params.request.job_request import CLASSES, JobRequest
from farm.params.request.seeds import NOISE_BITS, alike_in_noise, seed_number
from farm.params.request.submission import pointer, read_request, shown
from farm.params.request.sweeps import count_points, list_faults, points
from farm.params.request.templates import Filled, Templates
from farm.params.request_checks import RequestChecks
from farm.params.sharding_limits import refuse_undivided
from farm.params.sizes import Shape, rendered_shape
from farm.params.timing import timing_faults

#: 128 bits of a hash; every pending render is in an index that holds its key.
BATCH_KEY_CHARS = 32
#: A job of ten thousand sizes need not be told of each.
MOST_NOTICES = 100


@dataclass(frozen=True)
class Resolved:
    """The renders of a job in their order (prompt by prompt, value by value, seed by seed), and what to tell."""

    renders: Renders
    notices: list[str]


def resolve(
    request: JobRequest,
    entry: ModelEntry,
    *,
    max_renders: int,
    draw_seed: Callable[[], int],
    now: float | None = None,
    find_input: FindInput = none_uploaded,
) -> Resolved:
    """The renders that a request asks for: every prompt with every combination of values with every seed.

    The times of the request are held against `now`, by default the machine's clock; `find_input` knows the pictures
    that the project has uploaded.

    Seeds that are drawn are drawn once and shared by all prompts, so that pictures can be compared.

    Raises:
        InvalidRequest: with every fault, each with the field, the rule, the value seen and what to do.
    """
    family = family_named(entry.family)
    checks = RequestChecks(request, entry)
    checks.title()
    checks.faults += timing_faults(request, system_clock() if now is None else now)
    templates = Templates(request)
    checks.faults += templates.faults
    checks.notices += templates.notices
    if not request.prompts:
        checks.refuse("prompt", "must hold at least one prompt; seen an empty list")
    seeds = _seeds(checks, max_renders, draw_seed)
    checks.faults += list_faults(request)
    prompts: list[Filled] = []
    values: list[dict[str, Any]] = []
    if _few_enough(checks, templates, len(seeds), max_renders):
        prompts = list(templates.fill(entry.limits.prompt_chars)) if not templates.faults else []
        checks.prompts(prompts, templates)
        values = _values(checks, family, find_input)
    if checks.faults:
        raise InvalidRequest(checks.faults)
    # Validated once for each combination: prompts and seeds, which request validation has looked at, are only put in.
    each = [family.parameters.model_validate({**chosen, "prompt": "", "seed": 0}) for chosen in values]
    drawn = [
        (alike, templates.draw(prompt.text, seed) if templates.wild else prompt.text, seed)
        for prompt in prompts
        for alike in each
        for seed in seeds
    ]
    return Resolved(Renders(drawn), _few(checks.notices))


def _few(notices: list[str]) -> list[str]:
    left = len(notices) - MOST_NOTICES
    return [*notices[:MOST_NOTICES], f"… and {left:,} more notices of these kinds"] if left > 0 else notices


def _few_enough(checks: RequestChecks, templates: Templates, seeds: int, max_renders: int) -> bool:
    """Whether the request makes no more renders than a job may have; asked before any is made."""
    prompts, combinations = templates.count(), count_points(checks.request)
    if prompts * combinations * max(seeds, 1) <= max_renders:
        return True
    parts = [f"{prompts:,} prompts"]
    parts += [f"{combinations:,} combinations of values"] if combinations > 1 else []
    parts += [f"{seeds:,} seeds"]
    most = f"the {max_renders:,} renders of a job"
    checks.refuse("prompt", f"{' x '.join(parts)} are more than {most}; split it into several jobs, or stream them")
    return False


def _values(checks: RequestChecks, family: Family, find_input: FindInput) -> list[dict[str, Any]]:
    """All parameters but prompt and seed, for each combination; each fault and notice is told once."""
    found = []
    for point in points(checks.request):
        at = RequestChecks(point.request, checks.entry, point.places, find_input)
        parameters = family.check(at)
        refuse_undivided(at, parameters)
        parameters |= output_parameters(at, parameters.get("num_frames", 1), parameters.get("fps"))
        parameters |= common_parameters(at, family, parameters)
        parameters["max_sequence_length"] = checks.entry.max_sequence_length
        parameters["deterministic"] = bool(point.request.deterministic)
        found.append(parameters)
        checks.faults += [fault for fault in at.faults if fault not in checks.faults]
        if len(checks.notices) < MOST_NOTICES:
            checks.notices += [notice for notice in at.notices if notice not in checks.notices]
        if len(checks.faults) > MAX_FAULTS:
            break
    return found


def check_request(
    document: object,
    catalog: Catalog,
    *,
    max_renders: int,
    now: float | None = None,
    classes: Collection[str] = CLASSES,
    find_input: FindInput = none_uploaded,
) -> JobRequest:
    """A request from parsed JSON, checked against its model too; `resolve` will not refuse it.

    Raises:
        InvalidRequest: every fault of type, form and model, in one answer.
        UnknownModel: if that is all that is wrong.
    """
    request, _ = check_and_resolve(
        document,
        catalog,
        max_renders=max_renders,
        draw_seed=lambda: 0,
        now=now,
        classes=classes,
        find_input=find_input,
    )
    return request


def check_and_resolve(
    document: object,
    catalog: Catalog,
    *,
    max_renders: int,
    draw_seed: Callable[[], int],
    now: float | None = None,
    classes: Collection[str] = CLASSES,
    find_input: FindInput = none_uploaded,
) -> tuple[JobRequest, Resolved]:
    """A request from parsed JSON with its renders, resolved once for the check and for what follows.

    `classes`: those that the farm's settings give a share.

    Raises:
        InvalidRequest, UnknownModel: as :func:`check_request`.
    """
    request, faults = read_request(document)
    resolved: Resolved | None = None
    if request is not None:
        if request.class_name not in classes:
            faults.append(_unknown_class(request.class_name, classes))
        try:
            entry = catalog.model(request.model)
            resolved = resolve(
                request, entry, max_renders=max_renders, draw_seed=draw_seed, now=now, find_input=find_input
            )
        except UnknownModel as unknown:
            if not faults:
                raise
            faults += unknown.faults
        except InvalidRequest as invalid:
            # A field that is wrong by its type was looked at as its default, which nobody asked for.
            wrong = {_top(fault) for fault in faults}
            faults += [fault for fault in invalid.faults if _top(fault) not in wrong or fault.field.count("/") > 1]
    elif isinstance(document, dict) and isinstance(name := document.get("model"), str):
        try:
            catalog.model(name)
        except UnknownModel as unknown:
            faults += unknown.faults
    if faults or request is None or resolved is None:
        raise InvalidRequest(faults)
    return request, resolved


def _unknown_class(seen: str, classes: Collection[str]) -> Fault:
    *others, last = (repr(name) for name in classes)
    known = f"{', '.join(others)} or {last}" if others else last
    return Fault(pointer("class"), f"must be {known}; seen {shown(seen)}; {did_you_mean(seen, classes)}")


def parse_parameters(parameters: Mapping[str, Any]) -> RenderParameters:
    """Stored parameters (`renders.parameters`) as the model of their family.

    Raises:
        UnknownFamily: its plugin is not installed here.
        pydantic.ValidationError: a field is not as request validation stores it.
    """
    return family_named(str(parameters.get("family"))).parameters.model_validate(parameters)


def shape_of(parameters: RenderParameters, entry: ModelEntry) -> Shape:
    """The shape in which the model renders: the bin where it has bins, else the size that was asked for."""
    return rendered_shape(entry, parameters.width, parameters.height, parameters.frames)


def batch_key(parameters: RenderParameters, entry: ModelEntry) -> str:
    """Hash of all that must be equal for renders to share passes: lane, shape, sealed options.

    Prompt, seed, steps, guidance and sampler belong to each track and are not part of it, but for renders with a
    step cache: it decides for all rows of a pass, which must be at the same place. A deterministic render
    has a key of its own. Admission also sets the batch limit of both.
    """
    shape = shape_of(parameters, entry)
    sealed: dict[str, Any] = {
        "lane": entry.lane,
        "shape": [shape.width, shape.height, shape.frames],
        "max_sequence_length": parameters.max_sequence_length,
        "loras": [[adapter.sha256, adapter.weight, *["partial"] * adapter.partial] for adapter in parameters.loras],
    }
    if parameters.step_cache is not None:
        course = {"num_inference_steps", "sampler", "flow_shift", "step_cache"}
        sealed["cached"] = parameters.model_dump(mode="json", include=course) | {
            "guided": parameters.guidance_scale > 1
        }
    if parameters.deterministic:
        sealed["alone"] = parameters.model_dump(mode="json")
    return hashlib.sha256(json.dumps(sealed, sort_keys=True).encode()).hexdigest()[:BATCH_KEY_CHARS]


def _top(fault: Fault) -> str:
    """The field of the body that a fault is in."""
    return fault.field.split("/")[1] if fault.field else ""


def _seeds(checks: RequestChecks, max_renders: int, draw_seed: Callable[[], int]) -> list[int]:
    """The seeds of every prompt; empty after a fault."""
    request = checks.request
    given = [name for name in ("seed", "seeds", "seed_count") if getattr(request, name) is not None]
    if len(given) > 1:
        checks.refuse(given[1], f"give one of seed, seeds and seed_count; seen {' and '.join(given)}")
        return []
    if request.seeds is not None:
        if not request.seeds:
            checks.refuse("seeds", "must hold at least one seed; seen an empty list")
        if len(request.seeds) > max_renders:
            checks.refuse("seeds", f"a job has at most {max_renders:,} renders; seen {len(request.seeds):,} seeds")
            return []
        seeds = [seed_number(seed, draw_seed) for seed in request.seeds]
        if same := alike_in_noise(seeds):
            text = f"{same[0]} and {same[1]} draw the same noise: torch takes the lower {NOISE_BITS} bits of a seed"
            checks.tell("seeds", text)
        return seeds
    if request.seed is not None:
        return [seed_number(request.seed, draw_seed)]
    count = request.seed_count or 1
    if count > max_renders:
        checks.refuse("seed_count", f"a job has at most {max_renders:,} renders; seen {shown(count)}")
        return []
    return [draw_seed() for _ in range(count)]
