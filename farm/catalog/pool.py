"""The shape of a pool's entry in the catalog: which workers serve a model, how they hold it, how many there are."""

from typing import Literal, Self

from pydantic import Field, model_validator

from farm.catalog.entry import NAME, Entry, Name

#: How the weights of a component are held, instead of in its dtype. What each needs: docs/precision.md.
Quantization = Literal["int8", "int8-dynamic", "fp8", "fp8-dynamic", "fp8-cast", "nf4", "nvfp4"]


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
    prompt_padding: Literal["max_length", "longest"] = Field(
        "max_length",
        description="how far prompts are padded that a mask hides the end of: to the model's constant, as diffusers "
        "does, to the bit; or only as far as the longest of a pass: less work, and the same picture but for rounding",
    )
    compile: bool = Field(False, description="the transformer's repeated blocks through torch.compile")
    attention: str | None = Field(
        None, pattern=r"^[a-z0-9_]+$", description="diffusers' attention backend, such as 'flash'; none: torch's own"
    )
    loaded_adapters: int = Field(
        4, ge=1, le=64, description="LoRAs that stay loaded beside those in use, those used last; each takes memory"
    )
    warm_up: bool = Field(False, description="a step and a decoding of the default size before the first render")
    price_per_hour: float = Field(0.0, ge=0, description="of one worker, in the farm's currency")
    watts: float = Field(0.0, ge=0, description="that one worker draws while it renders")
    scaling: Scaling | None = Field(None, description="none: as many workers as somebody starts")

    @property
    def without_adapters(self) -> str | None:
        """Why its workers can load no adapter (LoRA); None: they can."""
        if self.sharding is not None and self.sharding.by != "weights":
            return f"lays the model on several devices by {self.sharding.by}, and only by weights they take adapters"
        if self.quantization.get("transformer") == "fp8-cast":
            return "holds the transformer as fp8-cast, in which an adapter cannot be computed"
        return None

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
