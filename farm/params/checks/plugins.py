"""Plugins that a job may ask for: post-processors of its outputs, and a scorer that says which of them are kept."""

from collections.abc import Mapping
from typing import Any

from farm.errors import Fault
from farm.params.checks.collector import Checked, refused
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import pointer, shown
from farm.plugins import PluginKind, missing, plugin_names
from farm.scorers import Reads, facts_of

#: Post-processors of one render.
MOST_POST_PROCESSORS = 8
#: What a render keeps of the choice it takes part in, whatever model renders it.
CHOICE = ("scorer", "keep_best", "best_of")


def check_plugins(request: JobRequest, frames: int) -> Checked[dict[str, Any]]:
    """`post_processors`, and with a scorer `scorer`, `keep_best` and `best_of`: how many renders it chooses from.

    frames: of each render, as it is asked for.
    """
    processors, wrong_processors = _check_post_processors(request.post_processors or [])
    choice, wrong_choice = _check_choice(request, frames)
    return {"post_processors": processors, **choice}, wrong_processors + wrong_choice


def choice_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a stored render says of the choice it takes part in."""
    return {name: parameters.get(name) for name in CHOICE}


def _check_post_processors(names: list[str]) -> Checked[list[str]]:
    if len(names) > MOST_POST_PROCESSORS:
        rule = f"at most {MOST_POST_PROCESSORS} can follow each other"
        return refused([], "post_processors", f"{rule}; seen {len(names)}")
    return list(names), tuple(
        Fault(pointer("post_processors"), missing(PluginKind.POST_PROCESSOR, name))
        for name in names
        if name not in plugin_names(PluginKind.POST_PROCESSOR)
    )


def _check_choice(request: JobRequest, frames: int) -> Checked[dict[str, Any]]:
    scorer, keep = request.scorer, request.keep_best
    nothing: dict[str, Any] = dict.fromkeys(CHOICE)
    if scorer is None and keep is not None:
        return refused(nothing, "keep_best", "needs a scorer that says which are the best; give scorer too")
    if scorer is None:
        return nothing, ()
    faults: list[Fault] = []
    if scorer not in plugin_names(PluginKind.SCORER):
        faults.append(Fault(pointer("scorer"), missing(PluginKind.SCORER, scorer)))
    elif frames == 1 and facts_of(scorer).reads is Reads.CLIPS:
        faults.append(Fault(pointer("scorer"), f"{scorer} looks at clips, and this is a picture"))
    if keep is None:
        return nothing | {"scorer": scorer}, tuple(faults)
    seeds = len(request.seeds) if request.seeds is not None else request.seed_count or 1
    if fault := _keep_fault(keep, seeds):
        faults.append(Fault(pointer("keep_best"), fault))
    return {"scorer": scorer, "keep_best": keep, "best_of": seeds}, tuple(faults)


def _keep_fault(keep: int, seeds: int) -> str | None:
    if seeds < 2:
        return "chooses among the seeds of a prompt: give seeds or seed_count, in no stream"
    if 1 <= keep < seeds:
        return None
    return f"must be at least 1 and less than the seeds of each prompt ({seeds}); seen {shown(keep)}"
