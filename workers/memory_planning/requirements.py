"""What one model needs at one size: the bytes of its parts and of what they do."""

from dataclasses import dataclass

from farm.catalog.pool import Quantization
from farm.catalog.schema import ModelEntry
from farm.catalog.supported_features import ABILITIES
from farm.errors import Fault, InvalidRequest
from farm.params.sizes import Shape, rendered_shape
from workers.memory_planning.activation_memory import Activity, measure
from workers.memory_planning.model_parts import build_parts
from workers.memory_planning.weights import Weights, weigh
from workers.model_files.download import FetchFailed, fetch
from workers.model_files.weights import BadWeights

#: Quantizations of the transformer that are planned with.
TRIED: tuple[Quantization, ...] = ("int8", "nf4")


@dataclass(frozen=True)
class Needs:
    """Bytes of a model's parts, and of a step and a decoding of `renders` renders of `shape`."""

    model: str
    title: str
    shape: Shape
    renders: int
    parts: dict[str, Weights]
    sources: dict[str, str]
    transformers: int  # how many lie beside each other: two of a model with two experts
    transformer: Weights  # all of them
    quantized: dict[Quantization, Weights]  # the same, quantized
    activity: Activity
    heads: int  # of the transformer's attention
    splits_sequence: bool  # whether diffusers has a plan to split its tokens


def needs_of(entry: ModelEntry, size: tuple[int, int, int] | None = None, renders: int = 1) -> Needs:
    """Build the model on the meta device and run a step and a decoding of so many renders.

    Parameters:
        size: width, height and frames as asked for; none: the model's largest offered one, its default length.

    Raises:
        InvalidRequest: nothing here says how the model is built, or it does not render that size.
    """
    width, height, frames = size or _largest(entry)
    shape = rendered_shape(entry, width, height, frames)
    fault = _fault(entry, shape)
    if fault is not None:
        raise InvalidRequest([fault], f"{entry.name} does not render that.")
    parts = build_parts(entry)
    activity = measure(parts, entry, shape, renders)
    if activity is None:
        kind = type(parts["transformer"].module).__name__
        raise InvalidRequest(
            [Fault("", f"nothing here knows how to call a {kind}")], f"{entry.name} cannot be planned."
        )
    transformer = parts["transformer"].module
    weights = {name: weigh(part.module) for name, part in parts.items()}
    experts = [name for name in parts if name.startswith("transformer")]
    for name in experts:
        if (held := _gguf_size(entry, name)) is not None:
            weights[name] = weights[name].held_in(held)
    return Needs(
        model=entry.name,
        title=entry.title,
        shape=shape,
        renders=renders,
        parts=weights,
        sources={name: part.source for name, part in parts.items()},
        transformers=len(experts),
        transformer=Weights.of_all([weights[name] for name in experts]),
        quantized={}
        if entry.source.gguf
        else {kind: Weights.of_all([weigh(parts[name].module, kind) for name in experts]) for kind in TRIED},
        activity=activity,
        heads=parts["transformer"].config.num_attention_heads,
        splits_sequence=getattr(transformer, "_cp_plan", None) is not None,
    )


def _gguf_size(entry: ModelEntry, name: str) -> int | None:
    """Bytes of the GGUF file that holds a transformer; None where there is none, or it is not here."""
    if not entry.source.gguf or name not in entry.source.single_file:
        return None
    try:
        fetched = fetch(entry, local_only=True)
        return (fetched.folder / entry.source.single_file[name]).stat().st_size
    except (FetchFailed, BadWeights, OSError):
        return None


def _largest(entry: ModelEntry) -> tuple[int, int, int]:
    width, height = max(entry.sizes, key=lambda size: size[0] * size[1])
    return width, height, entry.defaults.get("num_frames", 1)


def _fault(entry: ModelEntry, shape: Shape) -> Fault | None:
    multiple = 1 if entry.bins else entry.size_multiple
    if shape.width % multiple or shape.height % multiple or min(shape.width, shape.height) < multiple:
        return Fault("--size", f"width and height must be multiples of {multiple}, and are {shape}")
    low, high = entry.limits.frames
    if not low <= shape.frames <= high:
        return Fault("--size", f"frames must be {low} … {high}, and are {shape.frames}")
    ability = ABILITIES.get(entry.family)  # a plugin's family has none
    if ability and ability.frames_per_latent and (shape.frames - 1) % entry.frame_multiple:
        rule = f"frames must be 1 more than a multiple of {entry.frame_multiple}"
        return Fault("--size", f"{rule}, and are {shape.frames}")
    return None
