"""The sampler nodes of ComfyUI as one description: with which model, prompts, latents, seed and steps."""

import math
from dataclasses import dataclass, replace

from farm.comfyui.node_inputs import Reading
from farm.comfyui.sampler_names import EVEN_SCHEDULES, SAMPLERS, schedule_remark
from farm.comfyui.two_experts import shares_the_way
from farm.comfyui.workflow.graph import Node
from farm.params.request.submission import shown

Source = tuple[Node, int] | None


@dataclass(frozen=True)
class Sampling:
    """What a sampler works with, and the request's fields that it settles."""

    model: Source
    positive: Source
    negative: Source
    latents: Source
    fields: dict[str, int | float | str]
    first: Node | None = None  # of two that share the way: the one that begins it, with the model of the other expert
    denoise: float = 1.0  # the part of the way from noise to picture that is taken
    schedule: Node | None = None  # the node that says so


def read_sampling(reading: Reading, node: Node) -> Sampling | None:
    """The description of a node; None, and a fault, if it is no sampler that the farm knows."""
    match node.kind:
        case "KSampler":
            return _plain(reading, node, "seed")
        case "KSamplerAdvanced":
            return _stepwise(reading, node)
        case "SamplerCustom":
            return _custom(reading, node)
        case "SamplerCustomAdvanced":
            return _advanced(reading, node)
    reading.report.refuse(node, "is no sampler that the farm has, or changes what one made")
    return None


def _plain(reading: Reading, node: Node, seed: str) -> Sampling:
    fields = _numbers(reading, [(node, seed, "seed"), (node, "steps", "num_inference_steps")])
    _guidance(reading, node, fields)
    _method(reading, node, node, fields)
    model, positive, negative, latents = (reading.source(node, name) for name in _LINKS)
    return Sampling(model, positive, negative, latents, fields, denoise=_denoise(reading, node), schedule=node)


def _stepwise(reading: Reading, node: Node) -> Sampling | None:
    """A sampler that may take some of the steps alone: it must take all, or the rest of another's."""
    before = reading.source(node, "latent_image", needed=False)
    if before is None or before[0].kind != node.kind:
        return _plain(reading, node, "noise_seed") if _takes_all_steps(reading, node) else None
    first = before[0]
    if not shares_the_way(reading, first, node):
        return None
    whole = _plain(reading, first, "noise_seed")
    second: dict[str, int | float | str] = {}
    _guidance(reading, node, second)
    if second.get("guidance_scale") != whole.fields.get("guidance_scale") and second:
        whole.fields["guidance_scale_2"] = second["guidance_scale"]
    return replace(whole, model=reading.source(node, "model"), first=first)


def _custom(reading: Reading, node: Node) -> Sampling:
    fields = _numbers(reading, [(node, "noise_seed", "seed")])
    _guidance(reading, node, fields)
    schedule = _parts(reading, node, fields)
    model, positive, negative, latents = (reading.source(node, name) for name in _LINKS)
    return Sampling(model, positive, negative, latents, fields, denoise=_denoise(reading, schedule), schedule=schedule)


def _advanced(reading: Reading, node: Node) -> Sampling | None:
    noise, guider = reading.source(node, "noise"), reading.source(node, "guider")
    latents = reading.source(node, "latent_image")
    fields: dict[str, int | float | str] = {}
    if noise is not None:
        if noise[0].kind == "RandomNoise":
            fields |= _numbers(reading, [(noise[0], "noise_seed", "seed")])
        else:
            reading.report.refuse(noise[0], "the farm draws noise from a seed alone")
    schedule = _parts(reading, node, fields)
    part = _denoise(reading, schedule)
    if guider is None:
        return None
    if guider[0].kind == "BasicGuider":
        fields["guidance_scale"] = 1.0
        model, positive = (reading.source(guider[0], name) for name in ("model", "conditioning"))
        return Sampling(model, positive, None, latents, fields, denoise=part, schedule=schedule)
    if guider[0].kind != "CFGGuider":
        reading.report.refuse(guider[0], "the farm guides with one positive and one negative prompt only")
        return None
    _guidance(reading, guider[0], fields)
    model, positive, negative = (reading.source(guider[0], name) for name in _LINKS[:3])
    return Sampling(model, positive, negative, latents, fields, denoise=part, schedule=schedule)


_LINKS = ("model", "positive", "negative", "latent_image")


def _numbers(reading: Reading, wanted: list[tuple[Node, str, str]]) -> dict[str, int | float | str]:
    found = {field: reading.value(node, name, int, field) for node, name, field in wanted}
    for node, _, field in wanted:
        if found[field] is not None:
            reading.report.took(node, f"{field} {found[field]}")
    return {field: value for field, value in found.items() if value is not None}


def _guidance(reading: Reading, node: Node, fields: dict[str, int | float | str]) -> None:
    scale = reading.value(node, "cfg", float, "guidance_scale")
    if scale is not None:
        fields["guidance_scale"] = scale
        reading.report.took(node, f"guidance_scale {scale:g}")


def _parts(reading: Reading, node: Node, fields: dict[str, int | float | str]) -> Node | None:
    """Sampler and schedule of nodes of their own; the one with the schedule."""
    method, schedule = reading.source(node, "sampler"), reading.source(node, "sigmas")
    if method is not None and method[0].kind != "KSamplerSelect":
        reading.report.refuse(method[0], "is no sampler that the farm has", "sampler")
        method = None
    if schedule is not None and schedule[0].kind != "BasicScheduler":
        reading.report.refuse(schedule[0], "the farm has the model's own schedule only; take BasicScheduler")
        schedule = None
    if schedule is not None:
        fields |= _numbers(reading, [(schedule[0], "steps", "num_inference_steps")])
        _method(reading, method[0] if method else None, schedule[0], fields)
    return schedule[0] if schedule else None


def _method(reading: Reading, method: Node | None, schedule: Node, fields: dict[str, int | float | str]) -> None:
    """The sampler by its name, on the schedule."""
    ours = _sampler(reading, method) if method is not None else None
    if ours is not None:
        fields["sampler"] = ours
    name = reading.value(schedule, "scheduler", str)
    if name in EVEN_SCHEDULES:
        if ours is not None and (remark := schedule_remark(name, ours)):
            reading.report.notice(schedule, remark)
    elif name is not None:
        even = ", ".join(sorted(EVEN_SCHEDULES))
        reading.report.refuse(schedule, f"the farm has no schedule {shown(name)}; those near its own are {even}")


def _denoise(reading: Reading, schedule: Node | None) -> float:
    """How much of the way is taken; 1 where nothing says so."""
    if schedule is None or "denoise" not in schedule.inputs:
        return 1.0
    part = reading.value(schedule, "denoise", float)
    return 1.0 if part is None else part


def steps_of_a_part(steps: int, denoise: float) -> tuple[int, float]:
    """Steps of the whole way, and the `strength`, so that as many are taken as ComfyUI takes of a part: all of `steps`.

    ComfyUI lays int(steps / denoise) steps out and takes the last ones (comfy/samplers.py, KSampler.set_steps).
    """
    whole = max(steps, int(steps / denoise))
    return whole, math.floor(steps / whole * 1e6) / 1e6  # never a hair above: that would be one step more


def _sampler(reading: Reading, node: Node) -> str | None:
    if "sampler" in reading.report.settled:
        return None
    name = reading.value(node, "sampler_name", str, "sampler")
    if name is None:
        return None
    meant = SAMPLERS.get(name)
    if meant is None:
        reading.report.refuse(
            node, f"the farm has no sampler that means {shown(name)}; name one of the model's with --sampler", "sampler"
        )
        return None
    reading.report.took(node, f"sampler {meant.sampler}")
    if meant.remark:
        reading.report.notice(node, meant.remark)
    return meant.sampler


def _takes_all_steps(reading: Reading, node: Node) -> bool:
    """Whether it leads from noise to picture alone; a part of the way is a fault."""
    start, end = reading.value(node, "start_at_step", int), reading.value(node, "end_at_step", int)
    steps = reading.value(node, "steps", int)
    if start is None or end is None or steps is None:
        return False
    noise, rest = (reading.value(node, name, str) for name in ("add_noise", "return_with_leftover_noise"))
    if start <= 0 and end >= steps and noise == "enable" and rest == "disable":
        return True
    reading.report.refuse(
        node,
        f"takes only steps {start} to {min(end, steps)} of {steps}; the farm takes all of them, or those of two that "
        "share the way as the experts of Wan2.2 do",
    )
    return False
