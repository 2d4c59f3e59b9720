"""The model of a sampler: back through shift and adapters to the file with the weights."""

from dataclasses import dataclass, field

from farm.comfyui.model_names import expert_of_file, model_of_file
from farm.comfyui.node_inputs import Reading
from farm.comfyui.workflow.graph import Node
from farm.params.request.base import Expert

_FILES = {
    "UNETLoader": "unet_name",
    "UnetLoaderGGUF": "unet_name",
    "CheckpointLoaderSimple": "ckpt_name",
    "SanaCheckpointLoader": "ckpt_name",
}
_SHIFTS = frozenset({"ModelSamplingSD3", "ModelSamplingAuraFlow"})
_ADAPTERS = frozenset({"LoraLoaderModelOnly", "LoraLoader"})
#: They make the same pictures sooner, or nearly the same.
_ONLY_FASTER = frozenset(
    {"TorchCompileModel", "PathchSageAttentionKJ", "EasyCache", "TeaCache", "PatchModelPatcherOrder"}
)
#: ComfyUI's own shift for Wan where no node sets one (comfy/supported_models.py, WAN21_T2V).
_WAN_SHIFT = 8.0


@dataclass
class ModelChain:
    """The catalog's model, the shift, and files of adapters with weights, in the order in which they are put on."""

    model: str | None = None
    flow_shift: float | None = None
    expert: Expert | None = None  # the file is that of one of two
    loader: Node | None = None
    guidance_scale: float | None = None  # of SANA-Sprint, which is told its guidance
    #: With the expert that takes it, of a model with two; none: both.
    adapters: list[tuple[Node, str, float, Expert | None]] = field(default_factory=list)


def read_model(reading: Reading, start: tuple[Node, int]) -> ModelChain:
    """Everything on the way from a sampler to its weights; what the farm cannot do is a fault."""
    chain, seen = ModelChain(), set[str]()
    at: tuple[Node, int] | None = start
    while at is not None and at[0].id not in seen:
        node = at[0]
        seen.add(node.id)
        if node.kind in _FILES:
            _weights(reading, node, chain)
            return chain
        if node.kind in _SHIFTS:
            _shift(reading, node, chain)
        elif node.kind == "ScmModelSampling":
            chain.guidance_scale = reading.value(node, "cfg_scale", float, "guidance_scale")
            reading.report.took(node, f"guidance_scale {chain.guidance_scale}")
        elif node.kind in _ADAPTERS:
            _adapter(reading, node, chain)
        elif node.kind in _ONLY_FASTER:
            reading.report.notice(node, "is left out: the farm has ways of its own to be fast (--speed fast)")
        else:
            reading.report.refuse(node, "changes the model in a way that the farm does not")
            return chain
        at = reading.source(node, "model")
    return chain


def _weights(reading: Reading, node: Node, chain: ModelChain) -> None:
    name = reading.value(node, _FILES[node.kind], str, "model")
    if name is None:
        return
    chain.model, chain.expert, chain.loader = model_of_file(name), expert_of_file(name), node
    if "model" in reading.report.settled:
        reading.report.took(node, f"another model is rendered with than {name}, as you say")
    elif chain.model is None:
        reading.report.refuse(
            node, f"{name} is no model of the farm's catalog; if yours has it, name it before the prompt", "model"
        )
    else:
        reading.report.took(node, f"model {chain.model}, for {name}")
    if chain.flow_shift is None and (chain.model or "").startswith("wan"):
        chain.flow_shift = _WAN_SHIFT
        reading.report.took(node, f"flow_shift {_WAN_SHIFT:g}, as ComfyUI has it without a node for it")


def _shift(reading: Reading, node: Node, chain: ModelChain) -> None:
    shift = reading.value(node, "shift", float, "flow_shift")
    if chain.flow_shift is None and shift is not None:  # the one nearest to the sampler counts
        chain.flow_shift = shift
        reading.report.took(node, f"flow_shift {shift:g}")


def _adapter(reading: Reading, node: Node, chain: ModelChain) -> None:
    if "loras" in reading.report.settled:
        return
    name = reading.value(node, "lora_name", str, "loras")
    weight = reading.value(node, "strength_model", float, "loras")
    if name is None or weight is None or weight == 0:
        return
    chain.adapters.insert(0, (node, name, weight, None))
    reading.report.took(node, f"adapter {name} at {weight:g}")
    clip: float | None = reading.value(node, "strength_clip", float) if node.kind == "LoraLoader" else None
    if clip:
        reading.report.notice(node, "the farm's adapters change the model alone, not the text encoder")
