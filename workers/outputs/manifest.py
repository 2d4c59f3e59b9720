"""The manifest of a finished render, from what the claim, the engine and the encoder know of it."""

import dataclasses
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Protocol

from farm.manifest import Environment, Manifest, ModelFacts, OutputFacts, StepFacts
from farm.params.sizes import Shape, cropped_by
from workers.outputs.encode import EncodedFile, Pixels
from workers.protocol import EngineFacts, Rendered


class ClaimedFacts(Protocol):
    """What a manifest needs of a claimed render."""

    @property
    def id(self) -> str: ...
    @property
    def job_id(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def parameters(self) -> dict[str, Any]: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frames(self) -> int: ...


def make_manifest(
    render: ClaimedFacts,
    rendered: Rendered,
    facts: EngineFacts,
    output: EncodedFile,
    pixels: Pixels,
    *,
    finished_at: float,
    plugins: Mapping[str, str] = MappingProxyType({}),
    score: float | None = None,
    objection: str | None = None,
    lora_hashes: Mapping[str, str] = MappingProxyType({}),
    source_type: str | None = None,
) -> Manifest:
    """The manifest; `finished_at` is in seconds since 1970, the others are as `farm.manifest.Manifest` says."""
    asked = render.parameters
    return Manifest(
        render_id=render.id,
        job_id=render.job_id,
        index=render.index,
        attempt=render.attempt,
        model=model_facts(facts),
        parameters=asked,
        rendered_width=render.width,
        rendered_height=render.height,
        rendered_frames=render.frames,
        cropped_by=cropped_by(Shape(render.width, render.height), asked["width"], asked["height"]),
        steps=[StepFacts(**dataclasses.asdict(step)) for step in rendered.trace],
        decode_batch_size=rendered.decode_batch_size,
        decode_row=rendered.decode_row,
        environment=Environment(device=facts.device, torch_threads=facts.torch_threads, versions=facts.versions),
        output=OutputFacts(
            filename=output.filename,
            content_type=output.content_type,
            size=len(output.data),
            sha256=hashlib.sha256(output.data).hexdigest(),
            pixels_sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
        ),
        source_type=source_type,
        plugins=dict(plugins),
        score=score,
        objection=objection,
        lora_hashes=dict(lora_hashes),
        gpu_seconds=rendered.gpu_seconds,
        finished_at=datetime.fromtimestamp(finished_at, UTC).isoformat(timespec="milliseconds"),
    )


def model_facts(facts: EngineFacts) -> ModelFacts:
    """Which weights the engine rendered with."""
    return ModelFacts(
        name=facts.model,
        family=facts.family,
        source=facts.source,
        revision=facts.revision,
        precision=facts.precision,
        weight_sha256=facts.weight_sha256,
    )
