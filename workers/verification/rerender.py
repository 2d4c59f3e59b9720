"""Render a manifest again: the same model, parameters and batch sizes, and whether the same pixels come out.

A pass with neighbours sums its floats in another order than a lone one, so each step is repeated at its recorded batch
size and row. The neighbours' content does not matter, so the other rows hold copies of this very render, with a prompt
padded as far as the longest of the pass was.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from farm.manifest import Environment, Manifest, StepFacts
from farm.params.sizes import Shape, cropped_by
from farm.verification.differences import cropper_difference, environment_differences
from workers.denoising.track import Pixels, Track
from workers.families.base import Family
from workers.families.prompt_encoding import padded
from workers.outputs.embedded_metadata import embedded_metadata_of
from workers.outputs.encode import EncodedFile, encode_output
from workers.outputs.manifest import model_facts
from workers.outputs.plugins import post_process
from workers.pipelines.load import Loaded
from workers.protocol import RenderOrder


@dataclass(frozen=True)
class Repeated:
    """What came out, and what could explain a difference."""

    pixels: Pixels
    pixels_sha256: str
    same_pixels: bool  # as those of the manifest
    differences: list[str]  # between the manifest's environment and this one, as sentences


def set_threads(threads: int) -> None:
    """As many threads as then: how a sum is split among them changes its last bits."""
    torch.set_num_threads(threads)


@torch.no_grad()
def render_again(
    manifest: Manifest, loaded: Loaded, *, exclusive: bool = False, inputs: Mapping[str, str] | None = None
) -> Repeated:
    """Render a manifest again with a loaded model, in the batches that it had or `exclusive`.

    `inputs`: local files of the pictures that it starts from, by parameter. Raises ValueError when the manifest's
    steps are not those that its sampler takes, or the output is not numbers.
    """
    if "training" in manifest.parameters:
        raise ValueError("it is of a training, which is not rendered again; submit it anew with its seed")
    family = loaded.family
    family.prompt_padding = "longest" if any(step.text_tokens for step in manifest.steps) else "max_length"
    prepared = family.prepare(replace(_order(manifest), inputs=dict(inputs or {})))
    track = family.start(prepared, family.encode(prepared))
    if track.steps != len(manifest.steps):
        raise ValueError(f"the manifest has {len(manifest.steps)} steps and its sampler takes {track.steps}")
    for step in manifest.steps:
        batch, row = ([track], 0) if exclusive else (_recorded_batch(track, step), step.row)
        family.advance(track, family.run_pass(batch)[row])
    pixels = _decode(family, track, *(1, 0) if exclusive else (manifest.decode_batch_size, manifest.decode_row))
    pixels_sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Repeated(
        pixels=pixels,
        pixels_sha256=pixels_sha256,
        same_pixels=pixels_sha256 == manifest.output.pixels_sha256,
        differences=_differences(manifest, loaded),
    )


def encode_again(manifest: Manifest, pixels: Pixels) -> EncodedFile:
    """Pixels as the output that the manifest's render would have."""
    metadata = embedded_metadata_of(manifest.parameters, manifest.model, manifest.lora_hashes, manifest.source_type)
    return encode_output(post_process(pixels, manifest.parameters), manifest.parameters, metadata)


def _order(manifest: Manifest) -> RenderOrder:
    return RenderOrder(
        render_id=manifest.render_id,
        attempt=manifest.attempt,
        job_id=manifest.job_id,
        parameters=manifest.parameters,
        width=manifest.rendered_width,
        height=manifest.rendered_height,
        frames=manifest.rendered_frames,
    )


def _recorded_batch(track: Track, step: StepFacts) -> list[Track]:
    """The pass of one step: the track in its row, and a copy in each neighbour's; those with guidance come first."""
    # A guided row needs a negative embedding; its content does not matter, so the prompt's own will do.
    own = track.embeddings
    if step.text_tokens is not None:  # somebody's prompt was the longest of the pass
        mask = None if own.mask is None else padded(own.mask, step.text_tokens)
        own = replace(own, text=padded(own.text, step.text_tokens), mask=mask)
    embeddings = replace(own, negative=own.text, negative_mask=own.mask)
    return [
        track if row == step.row else replace(track, guided=row < step.guided, embeddings=embeddings)
        for row in range(step.batch_size)
    ]


def _decode(family: Family, track: Track, batch_size: int, row: int) -> Pixels:
    pixels = family.decode([track] * batch_size)[row]
    if pixels is None:
        raise ValueError("the output holds values that are not numbers (NaN)")
    return pixels


def _differences(manifest: Manifest, loaded: Loaded) -> list[str]:
    """What the last bits may depend on, where it is not as it was."""
    facts, asked = loaded.facts, manifest.parameters
    found = environment_differences(
        manifest.environment,
        Environment(device=facts.device, torch_threads=facts.torch_threads, versions=facts.versions),
        model_then=manifest.model,
        model_now=model_facts(facts),
    )
    cropper = cropped_by(Shape(manifest.rendered_width, manifest.rendered_height), asked["width"], asked["height"])
    return [*found, *cropper_difference(manifest.cropped_by, cropper)]
