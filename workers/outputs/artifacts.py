"""The files of a finished render (output, poster of a clip, thumbnail, latents if wanted, manifest), and of a draft."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from farm.storage_keys import ArtifactKind, checkpoint_name
from workers.outputs.embedded_metadata import embedded_metadata_of
from workers.outputs.encode import EncodedFile, Pixels, encode_output, frames_of
from workers.outputs.manifest import ClaimedFacts, make_manifest, model_facts
from workers.outputs.plugins import Shown
from workers.outputs.provenance import UNSAID, Provenance
from workers.outputs.thumbnails import encode_poster, encode_thumbnail
from workers.protocol import Drafted, EngineFacts, Rendered

File = tuple[ArtifactKind, EncodedFile]


def make_files(
    render: ClaimedFacts,
    rendered: Rendered,
    facts: EngineFacts,
    pixels: Pixels,
    shown: Shown,
    *,
    finished_at: float,
    lora_hashes: Mapping[str, str] = MappingProxyType({}),
    provenance: Provenance = UNSAID,
    beside: Executor,
) -> list[File]:
    """All of them, before the first is stored: one that cannot be made leaves none behind.

    The thumbnail is made in a thread of `beside`, meanwhile: Pillow lets others compute.

    `pixels`: as the engine made them, of which the manifest keeps the hash; `shown`: what is stored of them;
    `finished_at` in seconds since 1970; `lora_hashes` as a manifest has them. Raises OSError when the latents cannot
    be read, CannotSign where `provenance` signs and cannot.
    """
    parameters = render.parameters
    model, source_type = model_facts(facts), provenance.source_type(parameters)
    metadata = embedded_metadata_of(parameters, model, lora_hashes, source_type)
    thumbnail = beside.submit(encode_thumbnail, shown.pixels, fps=parameters.get("fps"))
    output = provenance.sign(encode_output(shown.pixels, parameters, metadata), parameters, model, finished_at)
    more = []
    if len(frames_of(shown.pixels)) > 1:
        poster = encode_poster(shown.pixels, metadata)
        more.append((ArtifactKind.POSTER, provenance.sign(poster, parameters, model, finished_at)))
    if rendered.latents_path is not None:
        more.append((ArtifactKind.LATENTS, _tensors("latents.safetensors", rendered.latents_path)))
    if rendered.adapter_path is not None:
        more.append(
            (ArtifactKind.ADAPTER, _tensors(f"{parameters['training']['name']}.safetensors", rendered.adapter_path))
        )
        more.append((ArtifactKind.LOSSES, _losses(rendered.losses)))
    manifest = make_manifest(
        render,
        rendered,
        facts,
        output,
        pixels,
        finished_at=finished_at,
        plugins=shown.versions,
        score=shown.score,
        objection=shown.objection,
        lora_hashes=lora_hashes,
        source_type=source_type,
    )
    document = manifest.model_dump_json(indent=2).encode()
    stored = EncodedFile("manifest.json", "application/json", document, 0, 0, 0, score=shown.score)
    shown_first = [(ArtifactKind.OUTPUT, output), (ArtifactKind.THUMBNAIL, thumbnail.result())]
    return [*shown_first, *more, (ArtifactKind.MANIFEST, stored)]


def make_draft_files(
    render: ClaimedFacts,
    drafted: Drafted,
    facts: EngineFacts,
    shown: Shown,
    *,
    finished_at: float,
    lora_hashes: Mapping[str, str] = MappingProxyType({}),
    provenance: Provenance = UNSAID,
) -> list[File]:
    """What a draft shows, stored as its output would be; its thumbnail; and the checkpoint to go on from.

    `finished_at` in seconds since 1970. Raises OSError when the checkpoint cannot be read, CannotSign as
    :func:`make_files`.
    """
    parameters, model, provenance = render.parameters, model_facts(facts), provenance.of_drafts
    metadata = embedded_metadata_of(parameters, model, lora_hashes, provenance.source_type(parameters))
    line = f"{metadata.text}, Draft: step {drafted.step} of {drafted.steps}"
    told = replace(metadata, text=line, document=metadata.document | {"draft_of_step": drafted.step})
    draft = provenance.sign(encode_output(shown.pixels, parameters, told), parameters, model, finished_at)
    return [
        (ArtifactKind.DRAFT, replace(draft, filename=f"draft{Path(draft.filename).suffix}")),
        (ArtifactKind.THUMBNAIL, encode_thumbnail(shown.pixels, fps=parameters.get("fps"))),
        (ArtifactKind.CHECKPOINT, _tensors(checkpoint_name(drafted.step), drafted.checkpoint_path)),
    ]


def _losses(losses: Sequence[float]) -> EncodedFile:
    """A row for each step, as trainers write it."""
    rows = "".join(f"{step},{loss:.9g}\n" for step, loss in enumerate(losses, 1))
    return EncodedFile("losses.csv", "text/csv", f"step,loss\n{rows}".encode(), 0, 0, 0)


def _tensors(filename: str, path: str) -> EncodedFile:
    """A file that the engine left, as it is."""
    return EncodedFile(filename, "application/x-safetensors", Path(path).read_bytes(), 0, 0, 0)
