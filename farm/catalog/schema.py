"""The shape of a model's entry in the catalog: what it is, and what may be asked of it."""

from typing import Annotated, Any, Literal, Required, Self

from pydantic import ConfigDict, Field, GetPydanticSchema, model_validator
from typing_extensions import TypedDict

from farm.catalog.adapters import AdapterEntry
from farm.catalog.entry import Entry, Name
from farm.catalog.source import LockedFile, Source
from farm.catalog.step_cache import StepCache

Pixels = Annotated[int, Field(ge=16, le=16_384)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Scale = Annotated[float, Field(ge=1)]  # below 1 pipelines leave guidance out without a word
Shift = Annotated[float, Field(gt=0)]
DType = Literal["float32", "float16", "bfloat16"]


class Defaults(TypedDict, total=False):
    """What is rendered with where a request says nothing; each is a parameter of the same name."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)  # type: ignore[misc]

    width: Required[int]
    height: Required[int]
    num_inference_steps: Required[int]
    guidance_scale: Required[float]
    guidance_scale_2: float
    sampler: Required[str]
    negative_prompt: str
    num_frames: int
    fps: int
    complex_human_instruction: bool
    strength: float
    controlnet_conditioning_scale: float
    conditioning_scale: float
    segment_frame_length: int
    prev_segment_conditioning_frames: int


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
    frame_multiple: int = Field(
        4, gt=0, description="clips have so many times k frames and one more, as its video autoencoder makes them"
    )
    sizes: list[tuple[Pixels, Pixels]] = Field(min_length=1, description="offered sizes, the default first")
    limits: Limits
    # Checked key by key, and a plain mapping to those who read it.
    defaults: Annotated[dict[str, Any], GetPydanticSchema(lambda _, read: read(Defaults))]
    samplers: list[str] = Field(min_length=1)
    flow_shift: float | None = Field(None, gt=0)
    flow_shift_by_size: list[SizeShift] = Field(default=[])
    max_sequence_length: int = Field(gt=0, description="tokens of a prompt; every embedding is padded to it")
    vae_tiling: dict[str, int] | None = None
    step_cache: StepCache | None = Field(None, description="what `fast` renders leave out; none: there are none")
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
    without_adapters: str = Field("", description="why its renders take no adapters; pools that cannot load any set it")

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
            ("guidance_scale_2", self.limits.guidance),
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
