"""The sampler nodes of ComfyUI as one description: with which model, prompts, latents, seed and steps."""

from dataclasses import dataclass

from farm.comfyui.node_inputs import Reading
from farm.comfyui.sampler_names import EVEN_SCHEDULES, SAMPLERS, schedule_remark
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


def read_sampling(reading: Reading, node: Node) -> Sampling | None:
    """The description of a node; None, and a fault, if it is no sampler that the farm knows."""
    match node.kind:
        case "KSampler":
            return _plain(reading, node, "seed")
        case "KSamplerAdvanced":
            return _plain(reading, node, "noise_seed") if _takes_all_steps(reading, node) else None
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
    return Sampling(model, positive, negative, latents, fields)


def _custom(reading: Reading, node: Node) -> Sampling:
    fields = _numbers(reading, [(node, "noise_seed", "seed")])
    _guidance(reading, node, fields)
    _parts(reading, node, fields)
    model, positive, negative, latents = (reading.source(node, name) for name in _LINKS)
    return Sampling(model, positive, negative, latents, fields)


def _advanced(reading: Reading, node: Node) -> Sampling | None:
    noise, guider = reading.source(node, "noise"), reading.source(node, "guider")
    latents = reading.source(node, "latent_image")
    fields: dict[str, int | float | str] = {}
    if noise is not None:
        if noise[0].kind == "RandomNoise":
            fields |= _numbers(reading, [(noise[0], "noise_seed", "seed")])
        else:
            reading.report.refuse(noise[0], "the farm draws noise from a seed alone")
    _parts(reading, node, fields)
    if guider is None:
        return None
    if guider[0].kind == "BasicGuider":
        fields["guidance_scale"] = 1.0
        model, positive = (reading.source(guider[0], name) for name in ("model", "conditioning"))
        return Sampling(model, positive, None, latents, fields)
    if guider[0].kind != "CFGGuider":
        reading.report.refuse(guider[0], "the farm guides with one positive and one negative prompt only")
        return None
    _guidance(reading, guider[0], fields)
    model, positive, negative = (reading.source(guider[0], name) for name in _LINKS[:3])
    return Sampling(model, positive, negative, latents, fields)


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


def _parts(reading: Reading, node: Node, fields: dict[str, int | float | str]) -> None:
    """Sampler and schedule of nodes of their own."""
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


def _method(reading: Reading, method: Node | None, schedule: Node, fields: dict[str, int | float | str]) -> None:
    """The sampler by its name, on the schedule and from where on the way from noise to picture."""
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
    if "denoise" in schedule.inputs and (part := reading.value(schedule, "denoise", float)) not in (None, 1.0):
        reading.report.refuse(schedule, f"denoise is {part:g}; the farm begins these models with noise alone (1)")


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
    """Whether it leads from noise to picture alone; half of two, as the experts of Wan2.2 are driven, is a fault."""
    start, end = reading.value(node, "start_at_step", int), reading.value(node, "end_at_step", int)
    steps = reading.value(node, "steps", int)
    if start is None or end is None or steps is None:
        return False
    noise, rest = (reading.value(node, name, str) for name in ("add_noise", "return_with_leftover_noise"))
    if start <= 0 and end >= steps and noise == "enable" and rest == "disable":
        return True
    before = reading.source(node, "latent_image")
    behind = f" behind {before[0]}" if before and before[0].kind == node.kind else ""
    reading.report.refuse(
        node,
        f"takes only steps {start} to {min(end, steps)} of {steps}{behind}; samplers that share the way change at a "
        "step, and the farm's models of two experts (wan22-t2v-a14b, wan22-i2v-a14b) at their own boundary: submit to "
        "one of these",
    )
    return False
