"""Plugins that a job may ask for: post-processors of its outputs, and a scorer that says which of them are kept."""

from collections.abc import Mapping
from typing import Any

from farm.params.request.job_request import JobRequest
from farm.params.request.submission import shown
from farm.params.request_checks import RequestChecks
from farm.plugins import PluginKind, missing, plugin_names

#: Post-processors of one render.
MOST_POST_PROCESSORS = 8
#: What a render keeps of the choice it takes part in, whatever model renders it.
CHOICE = ("scorer", "keep_best", "best_of")


def plugin_parameters(checks: RequestChecks) -> dict[str, Any]:
    """`post_processors`, and with a scorer `scorer`, `keep_best` and `best_of`: how many renders it chooses from."""
    request = checks.request
    return {"post_processors": _post_processors(checks), **_choice(checks, request)}


def choice_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a stored render says of the choice it takes part in."""
    return {name: parameters.get(name) for name in CHOICE}


def _post_processors(checks: RequestChecks) -> list[str]:
    names = checks.request.post_processors or []
    if len(names) > MOST_POST_PROCESSORS:
        checks.refuse("post_processors", f"at most {MOST_POST_PROCESSORS} can follow each other; seen {len(names)}")
        return []
    for name in names:
        if name not in plugin_names(PluginKind.POST_PROCESSOR):
            checks.refuse("post_processors", missing(PluginKind.POST_PROCESSOR, name))
    return list(names)


def _choice(checks: RequestChecks, request: JobRequest) -> dict[str, Any]:
    scorer, keep = request.scorer, request.keep_best
    nothing: dict[str, Any] = dict.fromkeys(CHOICE)
    if scorer is None:
        if keep is not None:
            checks.refuse("keep_best", "needs a scorer that says which are the best; give scorer too")
        return nothing
    if scorer not in plugin_names(PluginKind.SCORER):
        checks.refuse("scorer", missing(PluginKind.SCORER, scorer))
    if keep is None:
        return nothing | {"scorer": scorer}
    seeds = len(request.seeds) if request.seeds is not None else request.seed_count or 1
    if seeds >= 2 and not 1 <= keep < seeds:
        checks.refuse(
            "keep_best", f"must be at least 1 and less than the seeds of each prompt ({seeds}); seen {shown(keep)}"
        )
    elif seeds < 2:
        checks.refuse("keep_best", "chooses among the seeds of a prompt: give seeds or seed_count, in no stream")
    return {"scorer": scorer, "keep_best": keep, "best_of": seeds}
