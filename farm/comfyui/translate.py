"""A resolved graph as one request of the farm."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from farm.comfyui.control import read_control
from farm.comfyui.latents import PICTURE, read_latents
from farm.comfyui.model_chain import ModelChain, read_model
from farm.comfyui.node_inputs import Reading
from farm.comfyui.prompts import read_prompt
from farm.comfyui.report import Report
from farm.comfyui.sampling import Sampling, read_sampling, steps_of_a_part
from farm.comfyui.saved import find_saved
from farm.comfyui.two_experts import join_experts
from farm.comfyui.workflow.graph import CannotRender, Graph, Node
from farm.params.request.base import INPUTS, Expert

#: ComfyUI's own limit of its widgets.
MAX_BATCH = 4096
_SEEDS = frozenset({"seed", "seeds", "seed_count"})


@dataclass(frozen=True)
class Translated:
    """What to ask of the farm, and how it comes out of the graph.

    `fields` are those of a request, but for files: `files` (by field: pictures and clips, several of
    `reference_images`) and `adapters` are names of files as ComfyUI has them.
    """

    fields: dict[str, Any]
    files: dict[str, str | list[str]]
    adapters: list[tuple[Node, str, float, Expert | None]]
    nodes: list[tuple[Node, str]]
    notices: list[str]


def translate(graph: Graph, settled: Collection[str] = ()) -> Translated:
    """The request that renders what the graph saves.

    Args:
        graph: as it would run.
        settled: fields of the request that are given otherwise, `model` among them; what the graph says of them
            does not count, nor what is wrong with it.

    Raises:
        CannotRender: with every reason found, each with its node.
    """
    if _SEEDS & set(settled):
        settled = {*settled, *_SEEDS}
    report = Report(settled)
    try:
        return _translated(Reading(graph, report))
    except RecursionError:
        report.refuse(None, "its links lead through too much, or values lie too deeply in each other")
        raise CannotRender(report.reasons) from None


def _translated(reading: Reading) -> Translated:
    report, settled = reading.report, reading.report.settled
    saved = find_saved(reading)
    sampling = read_sampling(reading, saved.sampler) if saved else None
    fields: dict[str, Any] = {}
    chain = ModelChain()
    if saved and sampling:
        chain = _chain(reading, sampling)
        fields = _fields(reading, sampling, chain) | saved.fields
    report.check()
    files = {name: fields.pop(name) for name in INPUTS if name in fields}
    if "num_frames" not in fields:
        fields.pop("fps", None)  # of pictures
    fields = {name: value for name, value in fields.items() if name not in settled}
    return Translated(fields, files, chain.adapters, report.taken, report.notices)


def _chain(reading: Reading, sampling: Sampling) -> ModelChain:
    """The model of a sampler, or of two that share the way."""
    chain = read_model(reading, sampling.model) if sampling.model else ModelChain()
    if sampling.first is None:
        if chain.expert is not None and chain.loader is not None:
            reading.report.refuse(
                chain.loader,
                f"is the {chain.expert} expert of a model with two, and no sampler has the other",
                "model",
            )
        return chain
    source = reading.source(sampling.first, "model")
    return join_experts(reading, read_model(reading, source), chain, sampling.first) if source else chain


def _fields(reading: Reading, sampling: Sampling, chain: ModelChain) -> dict[str, Any]:
    fields: dict[str, Any] = {"model": chain.model, "flow_shift": chain.flow_shift}
    if sampling.positive:
        fields["prompt"] = read_prompt(reading, sampling.positive, "prompt")
    fields |= sampling.fields
    scales = [sampling.fields[name] for name in ("guidance_scale", "guidance_scale_2") if name in sampling.fields]
    if sampling.negative and any(float(scale) > 1 for scale in scales or [2.0]):  # it has no effect without guidance
        fields["negative_prompt"] = read_prompt(reading, sampling.negative, "negative_prompt")
    if sampling.latents:
        fields |= read_latents(reading, sampling.latents[0], chain.model)
        _several(reading, sampling.latents[0], fields)
        _part_of_the_way(reading, sampling, sampling.latents[0], fields)
    fields |= read_control(reading, sampling.positive, chain.model)
    if chain.guidance_scale is not None:
        fields["guidance_scale"] = chain.guidance_scale
    return {name: value for name, value in fields.items() if value is not None}


def _part_of_the_way(reading: Reading, sampling: Sampling, latents: Node, fields: dict[str, Any]) -> None:
    """A picture is rendered over in part; without one, or with all of the way, it begins with noise alone."""
    part, steps, schedule = sampling.denoise, fields.get("num_inference_steps"), sampling.schedule or latents
    if latents.kind == PICTURE and part >= 1:
        reading.report.notice(latents, "is left out: at a denoise of 1 nothing of its picture is left")
        fields.pop("image", None)
    elif latents.kind == PICTURE and 0 < part < 1 and steps:
        fields["num_inference_steps"], fields["strength"] = steps_of_a_part(steps, part)
        reading.report.took(schedule, f"strength {fields['strength']:g} of {fields['num_inference_steps']} steps")
    elif part != 1:
        reading.report.refuse(schedule, f"denoise is {part:g}; without a picture the farm begins with noise alone (1)")


def _several(reading: Reading, node: Node, fields: dict[str, Any]) -> None:
    """A batch of ComfyUI is one seed; here every output has a seed of its own."""
    count, seed = fields.pop("batch_size", 1), fields.get("seed")
    if count > 1 and seed is not None and "seed" not in reading.report.settled:
        if count > MAX_BATCH:
            reading.report.refuse(node, f"batch_size is {count:,}; a job of a graph has at most {MAX_BATCH:,}")
            return
        del fields["seed"]
        fields["seeds"] = [(seed + each) % 2**64 for each in range(count)]
        reading.report.notice(
            node, f"a batch of {count} becomes {count} seeds; only the first begins with the noise of ComfyUI's"
        )
