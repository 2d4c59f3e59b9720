"""The files of a finished render (output, poster of a clip, thumbnail, latents if wanted, manifest), and of a draft."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from farm.storage import ArtifactKind, checkpoint_name
from workers.outputs.embedded_metadata import EmbeddedMetadata, embedded_metadata_of
from workers.outputs.encode import (
    EncodedFile,
    Pixels,
    check_pixels,
    encode_output,
    encode_poster,
    encode_thumbnail,
    frames_of,
)
from workers.outputs.manifest import ClaimedFacts, make_manifest, model_facts
from workers.outputs.plugins import check_safety, post_process, score, versions_of
from workers.protocol import Drafted, EngineFacts, Rendered

File = tuple[ArtifactKind, EncodedFile]


def make_files(
    render: ClaimedFacts,
    rendered: Rendered,
    facts: EngineFacts,
    pixels: Pixels,
    *,
    finished_at: float,
    safety_checker: str | None = None,
    lora_hashes: Mapping[str, str] = MappingProxyType({}),
) -> list[File]:
    """All of them; `finished_at` in seconds since 1970; `lora_hashes` as a manifest has them.

    Raises Unusable when the pixels show nothing, NotAllowed when the safety checker objects, PluginMissing or
    PluginFailed for any plugin, and OSError when the latents cannot be read.
    """
    check_pixels(pixels)
    shown = post_process(pixels, render.parameters)
    check_safety(safety_checker, shown, render.parameters)
    return list(_files(render, rendered, facts, pixels, shown, finished_at, lora_hashes))


def make_draft_files(
    render: ClaimedFacts,
    drafted: Drafted,
    facts: EngineFacts,
    pixels: Pixels,
    *,
    safety_checker: str | None = None,
    lora_hashes: Mapping[str, str] = MappingProxyType({}),
) -> list[File]:
    """What a draft shows, stored as its output would be; its thumbnail; and the checkpoint to go on from.

    Raises OSError when the checkpoint cannot be read, and for the safety checker as :func:`make_files`.
    """
    check_safety(safety_checker, pixels, render.parameters)
    parameters = render.parameters
    metadata = embedded_metadata_of(parameters, model_facts(facts), lora_hashes)
    line = f"{metadata.text}, Draft: step {drafted.step} of {drafted.steps}"
    shown = encode_output(
        pixels, parameters, EmbeddedMetadata(line, metadata.document | {"draft_of_step": drafted.step})
    )
    saved = Path(drafted.checkpoint_path).read_bytes()
    name = checkpoint_name(drafted.step)
    return [
        (ArtifactKind.DRAFT, replace(shown, filename=f"draft{Path(shown.filename).suffix}")),
        (ArtifactKind.THUMBNAIL, encode_thumbnail(pixels, fps=parameters.get("fps"))),
        (ArtifactKind.CHECKPOINT, EncodedFile(name, "application/x-safetensors", saved, 0, 0, 0)),
    ]


def _files(
    render: ClaimedFacts,
    rendered: Rendered,
    facts: EngineFacts,
    pixels: Pixels,
    shown: Pixels,
    finished_at: float,
    lora_hashes: Mapping[str, str],
) -> Iterator[File]:
    parameters = render.parameters
    metadata = embedded_metadata_of(parameters, model_facts(facts), lora_hashes)
    output = encode_output(shown, parameters, metadata)
    yield ArtifactKind.OUTPUT, output
    yield ArtifactKind.THUMBNAIL, encode_thumbnail(shown, fps=parameters.get("fps"))
    if len(frames_of(shown)) > 1:
        yield ArtifactKind.POSTER, encode_poster(shown, metadata)
    if rendered.latents_path is not None:
        latents = Path(rendered.latents_path).read_bytes()
        yield ArtifactKind.LATENTS, EncodedFile("latents.safetensors", "application/x-safetensors", latents, 0, 0, 0)
    manifest = make_manifest(render, rendered, facts, output, pixels, finished_at=finished_at).model_copy(
        update={
            "plugins": versions_of(parameters),
            "score": score(shown, parameters),
            "lora_hashes": dict(lora_hashes),
        }
    )
    document = manifest.model_dump_json(indent=2).encode()
    yield (
        ArtifactKind.MANIFEST,
        EncodedFile("manifest.json", "application/json", document, 0, 0, 0, score=manifest.score),
    )
