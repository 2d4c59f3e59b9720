"""The shape of a catalog entry: what a model is, what may be asked of it, and which pools serve it."""

from pathlib import Path
from typing import Annotated, Any, Literal, Required, Self

from pydantic import ConfigDict, Field, GetPydanticSchema, model_validator
from typing_extensions import TypedDict

from farm.catalog.adapters import AdapterEntry
from farm.catalog.entry import NAME, Entry, Name

Pixels = Annotated[int, Field(ge=16, le=16_384)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Scale = Annotated[float, Field(ge=1)]  # below 1 pipelines leave guidance out without a word
Shift = Annotated[float, Field(gt=0)]
DType = Literal["float32", "float16", "bfloat16"]
_S3 = "s3://"
#: How the weights of a component are held, instead of in its dtype. What each needs: docs/precision.md.
Quantization = Literal["int8", "int8-dynamic", "fp8", "fp8-dynamic", "fp8-cast", "nf4", "nvfp4"]


class Defaults(TypedDict, total=False):
    """What is rendered with where a request says nothing; each is a parameter of the same name."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)  # type: ignore[misc]

    width: Required[int]
    height: Required[int]
    num_inference_steps: Required[int]
    guidance_scale: Required[float]
    sampler: Required[str]
    negative_prompt: str
    num_frames: int
    fps: int
    complex_human_instruction: bool
    strength: float
    controlnet_conditioning_scale: float


class Source(Entry):
    """Where the weights come from: a repository on the Hub, a folder, or a bucket."""

    repo: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", description="Hub id, 'owner/name'")
    revision: str | None = Field(
        None, description="branch, tag or commit; pin a commit hash for renders that can be repeated for ever"
    )
    variant: str | None = Field(None, description="file variant in the repository: 'bf16', 'fp16'")
    path: str | None = Field(
        None,
        description="a folder, 'package:NAME/FOLDER' for one inside an installed package, or 's3://BUCKET/FOLDER'",
    )
    pickle: bool = Field(
        False,
        description="read pickled weights (.bin) where a component has no safetensors; such a file can run code as it "
        "is read, so only from somebody you trust",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.repo is None) == (self.path is None):
            raise ValueError("give either 'repo' (with 'revision') or 'path', not both and not neither")
        if self.repo is not None and self.revision is None:
            raise ValueError("a repository needs a 'revision': 'main' or, better, a commit hash")
        if self.path is not None and self.path.startswith(_S3) and not all(self.bucket() or ()):
            raise ValueError("a bucket is named as 's3://BUCKET/FOLDER', with a folder")
        return self

    def folder(self) -> Path | None:
        """The local folder of the weights; None for a repository on the Hub and for a bucket."""
        if self.path is None or self.path.startswith(_S3):
            return None
        if not self.path.startswith("package:"):
            return Path(self.path).expanduser()
        # Found without importing it: a control node has no torch.
        from importlib.util import find_spec

        package, _, inside = self.path.removeprefix("package:").partition("/")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return Path("/nonexistent") / package / inside
        return Path(spec.submodule_search_locations[0]) / inside

    def bucket(self) -> tuple[str, str] | None:
        """The bucket's name and the folder in it, without slashes at its ends; None for any other source."""
        if self.path is None or not self.path.startswith(_S3):
            return None
        bucket, _, folder = self.path.removeprefix(_S3).partition("/")
        return bucket, folder.strip("/")


class LockedFile(Entry):
    """A file of a model as it was when `farm models lock` looked: nothing else is loaded in its place."""

    path: str = Field(min_length=1, description="inside the model's folder, with '/'")
    size: int = Field(ge=0, description="bytes")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Limits(Entry):
    """What may be asked for; pairs are (smallest, largest), both allowed."""

    width: tuple[Pixels, Pixels]
    height: tuple[Pixels, Pixels]
    max_pixels: int = Field(gt=0, description="width x height as asked")
    frames: tuple[Count, Count] = (1, 1)
    fps: tuple[Count, Count] = (1, 60)
    steps: tuple[Count, Count]
    guidance: tuple[Scale, Scale]
    flow_shift: tuple[Shift, Shift] = (0.1, 20.0)
    prompt_chars: int = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("width", "height", "frames", "fps", "steps", "guidance", "flow_shift"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: the smallest ({low}) is above the largest ({high})")
        return self


class SizeShift(Entry):
    """The flow shift from this many pixels on."""

    from_pixels: int = Field(ge=0)
    flow_shift: float = Field(gt=0)


class ModelEntry(Entry):
    """One model at one precision: where it comes from, how it is loaded, what may be asked of it."""

    name: Name
    title: str = Field(min_length=1)
    description: str = ""
    family: Name
    source: Source
    precision: Name = Field(description="of the lane's name: 'bf16', 'fp32'")
    dtype: dict[str, DType] = Field(description="component → dtype; 'default' for the others")
    architecture: dict[str, Name] = Field(
        default={}, description="component → description of it that is shipped, to plan with before there are weights"
    )
    bins: Literal[512, 1024, 2048, 4096] | None = Field(
        None, description="the table of sizes the model renders; none: the size asked for"
    )
    size_multiple: int = Field(gt=0)
    sizes: list[tuple[Pixels, Pixels]] = Field(min_length=1, description="offered sizes, the default first")
    limits: Limits
    # Checked key by key, and a plain mapping to those who read it.
    defaults: Annotated[dict[str, Any], GetPydanticSchema(lambda _, read: read(Defaults))]
    samplers: list[str] = Field(min_length=1)
    flow_shift: float | None = Field(None, gt=0)
    flow_shift_by_size: list[SizeShift] = Field(default=[])
    max_sequence_length: int = Field(gt=0, description="tokens of a prompt; every embedding is padded to it")
    vae_tiling: dict[str, int] | None = None
    memory_gb: float = Field(gt=0)
    seconds_per_step_megapixel: float = Field(gt=0, description="seed of estimates, until measured")
    published: list[str] = Field(default=[], description="figures others published, with their source")
    lock: list[LockedFile] = Field(default=[], description="written by `farm models lock`; empty: not locked")
    adapters: dict[str, AdapterEntry] = Field(
        default={}, description="what its renders may name; filled from the section of the same name"
    )
    sequence_parts: int = Field(
        1, ge=1, description="the tokens of a render must divide by this; pools that split the sequence raise it"
    )
    sharded: bool = Field(False, description="whether it lies on several devices anywhere; pools that do so set it")

    @property
    def lane(self) -> str:
        """The lane its renders belong to: 'sana-demo@fp32'."""
        return f"{self.name}@{self.precision}"

    def shift_for(self, width: int, height: int) -> float | None:
        """The flow shift for a rendered size in pixels: the last of `flow_shift_by_size` that fits."""
        shift = self.flow_shift
        for step in sorted(self.flow_shift_by_size, key=lambda found: found.from_pixels):
            if width * height >= step.from_pixels:
                shift = step.flow_shift
        return shift

    @model_validator(mode="after")
    def _agree(self) -> Self:
        faults = list(self._disagreements())
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _disagreements(self) -> list[str]:
        faults = []
        if "default" not in self.dtype:
            faults.append("dtype: needs a 'default' for the components it does not name")
        if self.defaults["sampler"] not in self.samplers:
            faults.append(f"defaults.sampler: {self.defaults['sampler']!r} is not one of samplers {self.samplers}")
        values = self.defaults
        for key, pair in (
            ("num_inference_steps", self.limits.steps),
            ("guidance_scale", self.limits.guidance),
            ("num_frames", self.limits.frames),
            ("fps", self.limits.fps),
        ):
            if key in values and not pair[0] <= values[key] <= pair[1]:
                faults.append(f"defaults.{key}: {values[key]} is outside limits {pair[0]} … {pair[1]}")
        if (self.defaults["width"], self.defaults["height"]) != self.sizes[0]:
            seen = f"{self.defaults['width']}x{self.defaults['height']}"
            faults.append(f"defaults: width and height ({seen}) must be the first of sizes")
        for width, height in self.sizes:
            if not self._renders(width, height):
                faults.append(f"sizes: {width}x{height} breaks the limits or size_multiple {self.size_multiple}")
        return faults

    def _renders(self, width: int, height: int) -> bool:
        limits = self.limits
        return (
            limits.width[0] <= width <= limits.width[1]
            and limits.height[0] <= height <= limits.height[1]
            and width * height <= limits.max_pixels
            and (self.bins is not None or width % self.size_multiple == height % self.size_multiple == 0)
        )


class KubernetesScale(Entry):
    """The Kubernetes Deployment (or StatefulSet) that runs a pool's workers."""

    namespace: str = Field(default="default", pattern=NAME)
    kind: Literal["Deployment", "StatefulSet"] = "Deployment"
    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)


class Scaling(Entry):
    """How many workers a pool should have; money and lengths of time are those of one worker."""

    driver: Literal["local", "kubernetes", "metrics"] = Field(
        default="local",
        description="who starts and stops workers: `farm up` on this machine, the Kubernetes API, or somebody who "
        "asks the metrics endpoint (KEDA)",
    )
    minimum: int = Field(default=0, ge=0, description="workers that always run; 0: the pool may sleep")
    maximum: int = Field(ge=1, description="workers at the most")
    target_seconds: float = Field(
        default=60.0,
        gt=0,
        description="the waiting time that is steered by, no upper limit: in a steady flow a queue of three quarters "
        "of it is left standing, so that batches are full; over a day 95 % wait for up to about twice as long",
    )
    startup_seconds: float = Field(
        default=60.0, ge=0, description="from the decision to the first render, until measured"
    )
    cooldown_seconds: float | None = Field(
        default=None,
        ge=0,
        description="fewer workers only after so long with too little to do; none: as long as it pays, one start-up "
        "at the most",
    )
    budget_per_day: float | None = Field(
        default=None, gt=0, description="money for this pool's workers in one day (UTC)"
    )
    kubernetes: KubernetesScale | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) is above maximum ({self.maximum})")
        if self.driver == "kubernetes" and self.kubernetes is None:
            raise ValueError("driver 'kubernetes' needs 'kubernetes': {namespace, kind, name}")
        return self


class Sharding(Entry):
    """How one worker's model lies on several devices of its machine."""

    by: Literal["layers", "weights", "sequence", "weights+sequence"] = Field(
        description="layers: blocks one after the other; weights: each block in parts (FSDP2); sequence: the tokens "
        "of a clip in parts (context parallel), weights on every device; weights+sequence: both"
    )
    devices: int = Field(ge=2, le=64)
    ring: int = Field(
        1, ge=1, description="of the sequence's parts, so many by ring attention and the others by Ulysses"
    )

    @property
    def ranks(self) -> int:
        """Processes that render together; layers need one that sees all devices."""
        return 1 if self.by == "layers" else self.devices

    @property
    def splits_weights(self) -> bool:
        """Whether each rank keeps only its part of the weights."""
        return self.by in ("weights", "weights+sequence")

    @property
    def sequence_parts(self) -> int:
        """Into how many equal parts the tokens are cut; 1: they are not."""
        return self.devices if self.by in ("sequence", "weights+sequence") else 1

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.ring > 1 and self.sequence_parts == 1:
            raise ValueError(f"'ring' splits the sequence, and by '{self.by}' it is not split; leave it out")
        if self.devices % self.ring:
            raise ValueError(f"devices ({self.devices}) must be a multiple of ring ({self.ring})")
        return self


class PoolEntry(Entry):
    """The workers of one kind of hardware that serve a model."""

    name: Name
    model: Name
    max_batch: int = Field(8, ge=1, le=1024)
    workers: int = Field(1, ge=0, description="how many `farm up` starts")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda|cuda:\d+)$")
    threads: int | None = Field(None, ge=1, description="torch threads of each worker; none: torch's choice")
    memory_gb: float | None = Field(
        None, gt=0, description="of each worker's device; a model that needs more cannot run"
    )
    sharding: Sharding | None = Field(None, description="the model on several devices; none: on one")
    quantization: dict[Literal["transformer", "text_encoder"], Quantization] = Field(
        default={}, description="component → how its weights are held; none: in the model's dtype"
    )
    text_encoder: str = Field(
        "resident",
        pattern=r"^(resident|host|released|cpu|cuda:\d+)$",
        description="resident: beside the model; host: in host memory between prompts; released: read again for each "
        "prompt that is not cached; cpu, cuda:N: on a device of its own",
    )
    offload: Literal["none", "blocks", "layers"] = Field(
        "none",
        description="where the transformer waits: none: on the device; else in host memory, brought block by "
        "block or layer by layer",
    )
    compile: bool = Field(False, description="the transformer's repeated blocks through torch.compile")
    attention: str | None = Field(
        None, pattern=r"^[a-z0-9_]+$", description="diffusers' attention backend, such as 'flash'; none: torch's own"
    )
    warm_up: bool = Field(False, description="a step and a decoding of the default size before the first render")
    price_per_hour: float = Field(0.0, ge=0, description="of one worker, in the farm's currency")
    watts: float = Field(0.0, ge=0, description="that one worker draws while it renders")
    scaling: Scaling | None = Field(None, description="none: as many workers as somebody starts")

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        """Refuse settings that diffusers cannot combine, or that nobody has tried together."""
        held = {name: kind for name, kind in self.quantization.items() if kind != "fp8-cast"}
        pairs = (
            (self.sharding is not None and self.quantization, "sharding", "quantization"),
            (self.sharding is not None and self.offload != "none", "sharding", f"offload '{self.offload}'"),
            (self.sharding is not None and self.compile, "sharding", "compile"),
            (self.offload != "none" and self.compile, f"offload '{self.offload}'", "compile"),
            (self.offload != "none" and "transformer" in held, f"offload '{self.offload}'", "quantization.transformer"),
            (
                self.text_encoder in ("host", "released") and "text_encoder" in self.quantization,
                f"text_encoder '{self.text_encoder}'",
                "quantization.text_encoder",
            ),
        )
        for together, one, other in pairs:
            if together:
                raise ValueError(f"{one} and {other} do not go together; leave one of them out")
        return self

    @model_validator(mode="after")
    def _ring(self) -> Self:
        if self.sharding is not None and self.sharding.ring > 1 and self.attention in (None, "native"):
            raise ValueError(
                "sharding: a ring joins parts of attention by their log-sum-exp, which torch's own attention does not "
                "give; set 'attention' to one that does, such as 'flash' or '_native_cudnn', or leave 'ring' out"
            )
        return self
