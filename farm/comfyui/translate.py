"""A resolved graph as one request of the farm."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from farm.comfyui.latents import read_latents
from farm.comfyui.model_chain import ModelChain, read_model
from farm.comfyui.node_inputs import Reading
from farm.comfyui.prompts import read_prompt
from farm.comfyui.report import Report
from farm.comfyui.sampling import Sampling, read_sampling
from farm.comfyui.saved import find_saved
from farm.comfyui.workflow.graph import CannotRender, Graph, Node

#: ComfyUI's own limit of its widgets.
MAX_BATCH = 4096
_SEEDS = frozenset({"seed", "seeds", "seed_count"})


@dataclass(frozen=True)
class Translated:
    """What to ask of the farm, and how it comes out of the graph.

    `fields` are those of a request, but for files: `image` and `adapters` are names of files as ComfyUI has them.
    """

    fields: dict[str, Any]
    image: str | None
    adapters: list[tuple[Node, str, float]]
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
        chain = read_model(reading, sampling.model) if sampling.model else chain
        fields = _fields(reading, sampling, chain) | saved.fields
    report.check()
    image = fields.pop("image", None)
    if "num_frames" not in fields:
        fields.pop("fps", None)  # of pictures
    fields = {name: value for name, value in fields.items() if name not in settled}
    return Translated(fields, image, chain.adapters, report.taken, report.notices)


def _fields(reading: Reading, sampling: Sampling, chain: ModelChain) -> dict[str, Any]:
    fields: dict[str, Any] = {"model": chain.model, "flow_shift": chain.flow_shift}
    if sampling.positive:
        fields["prompt"] = read_prompt(reading, sampling.positive, "prompt")
    fields |= sampling.fields
    if sampling.negative and fields.get("guidance_scale", 2.0) > 1:  # it has no effect without guidance
        fields["negative_prompt"] = read_prompt(reading, sampling.negative, "negative_prompt")
    if sampling.latents:
        fields |= read_latents(reading, sampling.latents[0])
        _several(reading, sampling.latents[0], fields)
    return {name: value for name, value in fields.items() if value is not None}


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
