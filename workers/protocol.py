"""What the worker (parent) and its engine process say to each other, pickled over a socket pair.

The parent sends `ToEngine`, the engine answers with `FromEngine`. Every message about a render carries the
attempt it speaks for, so that word about an attempt that has been revoked can be told apart and dropped.
"""

from dataclasses import dataclass, field
from typing import Any

#: Exit status of an engine that ends because another rank of its group did.
GROUP_LOST = 5
#: And of one whose model cannot be trusted any more: what should have come off it after a render did not.
STATE_IN_DOUBT = 6


@dataclass(frozen=True)
class RenderOrder:
    """One render to make. `parameters` is `renders.parameters`; width, height (pixels) and frames are the
    shape as the model renders it, which for a binned model is the bin and not the size asked for.

    `checkpoint` is a local file of `Checkpointed` to go on from. `inputs` maps names of parameters (`image`) to local
    files. `class_rank` is the place of its class: 0 is the most urgent.
    """

    render_id: str
    attempt: int
    job_id: str
    parameters: dict[str, Any]
    width: int
    height: int
    frames: int
    checkpoint: str | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    class_rank: int = 0


@dataclass(frozen=True)
class RenderBatch:
    """Renders that were claimed together. They join what the engine is rendering at the next step."""

    batch_id: str
    renders: list[RenderOrder]


@dataclass(frozen=True)
class DropRender:
    """Forget this attempt (cancelled or revoked), but not a newer one; nothing more is said about it, its neighbours
    go on.
    """

    render_id: str
    attempt: int


@dataclass(frozen=True)
class ParkRenders:
    """Keep these parked from the next step on: no pass, latents in host memory. Answered with `ParkedRenders`, which
    names those that could be: one that is already being decoded goes on to its end.
    """

    render_ids: list[str]


@dataclass(frozen=True)
class ResumeRenders:
    """Parked renders go on where they were. Answered with `ResumedRenders`."""

    render_ids: list[str]


@dataclass(frozen=True)
class SaveCheckpoints:
    """Write down how far these renders are, parked or not; None: all. Answered with a `Checkpointed` for each that has
    taken a step since its last checkpoint, and then `CheckpointsSaved`.
    """

    render_ids: list[str] | None = None


@dataclass(frozen=True)
class Stop:
    """Exit now; what is unfinished is dropped."""


@dataclass(frozen=True)
class EngineFacts:
    """What a manifest says about the engine: model, weights, and all that can change the last bits."""

    model: str
    family: str
    source: str  # Hub id, or the folder as the catalog names it
    revision: str | None
    precision: str
    device: str
    torch_threads: int
    versions: dict[str, str]
    weight_sha256: dict[str, str]  # by path inside the model's folder


@dataclass(frozen=True)
class Ready:
    """The model is loaded; batches may come."""

    facts: EngineFacts


@dataclass(frozen=True)
class LoadFailed:
    """The model could not be loaded: `reason` says what is wrong, where, what to do. The engine exits."""

    reason: str


@dataclass(frozen=True)
class RenderStep:
    """How far one render is. `phase` is a value of `farm.lifecycle.Phase`; `steps` counts forward passes,
    which for second-order samplers (heun) is more than `num_inference_steps`.
    """

    render_id: str
    attempt: int
    phase: str
    step: int
    steps: int


@dataclass(frozen=True)
class Stepped:
    """Renders that have moved."""

    steps: list[RenderStep]


@dataclass(frozen=True)
class StepTrace:
    """One pass of one render, for its manifest: how many renders shared the pass, and which row was this
    one's.

    `guided` says how many of them had classifier-free guidance: a family that stacks both predictions (Sana)
    ran `batch_size + guided` rows, one that runs them apart (Wan) ran `batch_size` and then `guided` rows.
    """

    timestep: float
    sigma: float | None  # None for samplers that have none (scm)
    batch_size: int
    row: int
    guided: int
    left_out: bool = False  # a step cache left out some of the transformer's blocks
    text_tokens: int | None = None  # to which all prompts of the pass were padded; None: the model's constant


@dataclass(frozen=True)
class Rendered:
    """A render is finished: its pixels lie in the spool folder as .npy, uint8, (height, width, 3) for an
    image or (frames, height, width, 3) for a clip, in the size that was asked for. Whoever reads the file
    removes it.
    """

    render_id: str
    attempt: int
    pixels_path: str
    gpu_seconds: float  # own encoding, plus the share of each pass and decoding that was divided among its rows
    trace: list[StepTrace]
    decode_batch_size: int  # renders whose latents were decoded in one call
    decode_row: int  # and which of them this one was
    pass_seconds: float = 0.0  # mean wall seconds of its passes, each for all of its rows
    seconds: dict[str, float] = field(default_factory=dict)  # wall: encode, steps, decode
    latents_path: str | None = None  # if they were asked for: safetensors in the spool folder, removed by the reader
    first_step: int = (
        0  # of the checkpoint it went on from; seconds are of this attempt, `trace` is of the whole render
    )
    adapter_path: str | None = None  # of a training: the LoRA, safetensors in the spool folder, removed by the reader
    losses: list[float] = field(default_factory=list)  # of a training: of each step


@dataclass(frozen=True)
class ParkedRenders:
    """These take part in no pass until they are resumed. Their batch does not end meanwhile."""

    render_ids: list[str]


@dataclass(frozen=True)
class ResumedRenders:
    """These take part in passes again."""

    render_ids: list[str]


@dataclass(frozen=True)
class Checkpointed:
    """How far a render is lies at `path` in the spool folder, as `workers.denoising.checkpoint_file` writes it; who
    reads it removes it.
    """

    render_id: str
    attempt: int
    path: str
    step: int
    steps: int
    gpu_seconds: float = 0.0  # of this attempt, so far


@dataclass(frozen=True)
class CheckpointsSaved:
    """Every checkpoint that was asked for has been said; these were written. Comes also when there were none."""

    render_ids: list[str]


@dataclass(frozen=True)
class Previewed:
    """What a render looks like so far: a small WebP, animated for clips."""

    render_id: str
    attempt: int
    step: int
    steps: int
    data: bytes


@dataclass(frozen=True)
class Learnt:
    """How a training goes, every few seconds: its losses so far, as `farm.params.training.loss_curve` thins them."""

    render_id: str
    attempt: int
    losses: list[tuple[int, float]]


@dataclass(frozen=True)
class Drafted:
    """A render has reached its `stop_at_step`: `pixels_path` as in `Rendered`, of what the model then expects the end
    to be, and `checkpoint_path` to go on from. The engine has let go of it.
    """

    render_id: str
    attempt: int
    pixels_path: str
    checkpoint_path: str
    step: int
    steps: int
    gpu_seconds: float
    trace: list[StepTrace]
    decode_batch_size: int
    decode_row: int
    pass_seconds: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    first_step: int = 0


@dataclass(frozen=True)
class RenderFailed:
    """A render could not be made. `own_fault` is true when its own work raised; false when the machine is at
    fault. `hopeless`: it is not one that this model can make, so that another try would end the same. `disk_full`:
    the spool folder had no room for it.
    """

    render_id: str
    attempt: int
    reason: str
    own_fault: bool
    hopeless: bool = False
    disk_full: bool = False


@dataclass(frozen=True)
class MemoryFits:
    """Memory ran out: this many renders of the shape fit side by side, more are not worth sending."""

    width: int
    height: int
    frames: int
    renders: int


@dataclass(frozen=True)
class BatchEnded:
    """Every render of the batch is rendered, failed or dropped, `seconds` after it was admitted."""

    batch_id: str
    seconds: float


@dataclass(frozen=True)
class Measured:
    """For metrics, every few seconds where somebody reads them: what came since the last of these.

    `passes`: (renders that shared it, its wall seconds) of each. `memory`: bytes of the device now, by kind.
    """

    passes: list[tuple[int, float]]
    embeddings_found: int
    embeddings_encoded: int
    memory: dict[str, int]


@dataclass(frozen=True)
class Alive:
    """The engine's loop still turns. Comes every second or two, also when idle; long silence: it hangs."""


ToEngine = RenderBatch | DropRender | ParkRenders | ResumeRenders | SaveCheckpoints | Stop
FromEngine = (
    Ready | LoadFailed | Stepped | Rendered | Drafted | RenderFailed | ParkedRenders | ResumedRenders
    | Checkpointed | CheckpointsSaved | Previewed | Learnt | MemoryFits | BatchEnded | Measured | Alive
)  # fmt: skip


def adapter_file(sha256: str) -> str:
    """What the file of an adapter is called among the inputs of an order."""
    return f"loras/{sha256}"


def training_example(sha256: str) -> str:
    """What a picture or clip that a training learns from is called among the inputs of an order."""
    return f"training/{sha256}"
