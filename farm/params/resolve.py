"""From a request to renders: each complete, each legal for its model, or every reason why not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from farm.catalog.schema import ModelEntry
from farm.clock import system_clock
from farm.errors import MAX_FAULTS, InvalidRequest
from farm.params.checks.collector import Collector
from farm.params.checks.family_checks import FamilyChecks
from farm.params.checks.pasted_syntax import pasted_syntax
from farm.params.checks.prompts import check_prompts, check_title
from farm.params.checks.seeds import check_seeds
from farm.params.families import Family, common_parameters, family_named
from farm.params.outputs import check_output
from farm.params.pictures import FindInput, none_uploaded
from farm.params.renders import Renders
from farm.params.request.job_request import JobRequest
from farm.params.request.sweeps import Point, count_points, list_faults, points
from farm.params.request.templates import Filled, Templates
from farm.params.sharding_limits import check_division
from farm.params.timing import timing_faults
from farm.sentences import sentence

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
    collector = Collector()
    collector.take(check_title(request.title))
    collector.faults += timing_faults(request, system_clock() if now is None else now)
    templates = Templates(request)
    collector.faults += templates.faults
    collector.notices += templates.notices
    if not request.prompts:
        collector.refuse("prompt", "must hold at least one prompt; seen an empty list")
    seeds = collector.take(check_seeds(request, max_renders, draw_seed))
    collector.faults += list_faults(request)
    prompts: list[Filled] = []
    values: list[dict[str, Any]] = []
    if fault := _too_many(request, templates, len(seeds), max_renders):
        collector.refuse("prompt", fault)
    else:
        filled = list(templates.fill(entry.limits.prompt_chars)) if not templates.faults else []
        prompts = collector.take(check_prompts(filled, templates, entry))
        collector.take(pasted_syntax(filled, request.wildcards or (), entry.limits.prompt_chars))
        values = _values(collector, request, entry, family, find_input)
    if collector.faults:
        raise InvalidRequest(collector.faults)
    # Validated once for each combination: prompts and seeds, which request validation has looked at, are only put in.
    each = [family.parameters.model_validate({**chosen, "prompt": "", "seed": 0}) for chosen in values]
    drawn = [
        (alike, templates.draw(prompt.text, seed) if templates.wild else prompt.text, seed)
        for prompt in prompts
        for alike in each
        for seed in seeds
    ]
    return Resolved(Renders(drawn), _few(collector.notices))


def _too_many(request: JobRequest, templates: Templates, seeds: int, max_renders: int) -> str | None:
    """Why a request makes more renders than a job may have; asked before any is made."""
    prompts, combinations = templates.count(), count_points(request)
    if prompts * combinations * max(seeds, 1) <= max_renders:
        return None
    parts = [f"{prompts:,} prompts"]
    parts += [f"{combinations:,} combinations of values"] if combinations > 1 else []
    parts += [f"{seeds:,} seeds"]
    most = f"the {max_renders:,} renders of a job"
    return f"{' x '.join(parts)} are more than {most}; split it into several jobs, or stream them"


def _values(
    collector: Collector, request: JobRequest, entry: ModelEntry, family: Family, find_input: FindInput
) -> list[dict[str, Any]]:
    """All parameters but prompt and seed, for each combination; each fault and notice is told once."""
    found = []
    for point in points(request):
        checks = FamilyChecks(point.request, entry, point.places, find_input)
        found.append(_values_at(point, checks, family))
        collector.faults += [fault for fault in checks.faults if fault not in collector.faults]
        if len(collector.notices) < MOST_NOTICES:
            collector.notices += [notice for notice in checks.notices if notice not in collector.notices]
        if len(collector.faults) > MAX_FAULTS:
            break
    return found


def _values_at(point: Point, checks: FamilyChecks, family: Family) -> dict[str, Any]:
    """The parameters of one combination: what its family makes of it, and what all families have."""
    request, entry = point.request, checks.entry
    parameters = family.check(checks)
    if not checks.faults:
        checks.take(check_division(parameters, entry))
    output = check_output(request, entry, parameters.get("num_frames", 1), parameters.get("fps"))
    parameters |= checks.take(output)
    parameters |= common_parameters(checks, family, parameters)
    parameters["max_sequence_length"] = entry.max_sequence_length
    parameters["deterministic"] = bool(request.deterministic)
    return parameters


def _few(notices: list[str]) -> list[str]:
    left = len(notices) - MOST_NOTICES
    return (
        [*notices[:MOST_NOTICES], sentence("… and %(count)s more notices of these kinds", count=f"{left:,}")]
        if left > 0
        else notices
    )
