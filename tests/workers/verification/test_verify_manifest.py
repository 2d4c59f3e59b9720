"""`farm verify`: what it says of a true manifest, of a file that was changed, and of another machine."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from farm.catalog import load_catalog
from farm.errors import InvalidRequest
from farm.manifest import Manifest, summary_line
from farm.params import JobRequest, resolve, shape_of
from farm.pictures import clean_picture
from farm.settings import Settings
from farm.verification.similarity import compare, frames_in
from farm.verification.verdict import Verdict
from tests.workers.verification.test_rerender import decoded_together, manifest_of, render_together
from workers.engine.step_loop import Engine
from workers.outputs.encode import encode_output
from workers.pipelines.load import Loaded, load
from workers.protocol import RenderOrder
from workers.verification.rerender import encode_again, render_again
from workers.verification.source_files import given_files
from workers.verification.verify_manifest import verify

__all__ = ["decoded_together"]


def manifests(model: str, spool: Path, **fields: object) -> tuple[list[tuple[Manifest, bytes]], Loaded]:
    """Two renders in one batch, each with its manifest and its output as a worker stores it."""
    entry = load_catalog(Settings()).model(model)
    loaded = load(entry, None, torch.device("cpu"))
    request = JobRequest(model=model, prompt=["a red circle", "a blue star"], seed=7, **fields)
    found = resolve(request, entry, max_renders=2, draw_seed=lambda: 1).renders
    orders = []
    for index, parameters in enumerate(found):
        shape = shape_of(parameters, entry)
        document = parameters.model_dump(mode="json")
        orders.append(RenderOrder(f"r{index}", 1, "job", document, shape.width, shape.height, shape.frames))
    rendered = render_together(Engine(loaded.family, spool), orders)
    made = []
    for order in orders:
        manifest = manifest_of(order, rendered[order.render_id], loaded)
        output = encode_again(manifest, np.load(rendered[order.render_id].pixels_path))
        facts = manifest.output.model_copy(update={"sha256": hashlib.sha256(output.data).hexdigest()})
        made.append((manifest.model_copy(update={"output": facts}), output.data))
    return made, loaded


def test_a_picture_larger_than_pillow_opens_is_unreadable_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16)
    with pytest.raises(ValueError, match="cannot be read"):
        list(frames_in(stream.getvalue(), "image/png"))


@pytest.mark.usefixtures("decoded_together")
@pytest.mark.parametrize(
    ("model", "fields"),
    [("sprint-demo", {"output_format": "avif"}), ("wan-demo", {"num_frames": 5, "num_inference_steps": 3})],
)
def test_a_true_manifest_gives_the_same_bytes_in_a_batch_and_nearly_the_same_alone(
    model: str, fields: dict[str, object], tmp_path: Path
) -> None:
    [_, (manifest, stored)], loaded = manifests(model, tmp_path, **fields)
    found, differences = verify(manifest, stored, loaded)
    assert [again.batching for again in found] == ["at the recorded batch sizes (2)", "alone"]
    assert found[0].verdict is Verdict.SAME_BYTES
    assert found[1].verdict in (Verdict.SAME_BYTES, Verdict.SAME_PIXELS, Verdict.WITHIN)
    assert differences == []


def test_what_is_not_as_the_manifest_says_is_told_with_figures(tmp_path: Path) -> None:
    [(manifest, stored), _], loaded = manifests("sprint-demo", tmp_path)

    # A stored file that somebody touched: the render itself still gives the bytes of the manifest.
    pixels = np.stack(list(frames_in(stored, "image/png")))
    pixels[0, :4] = 255 - pixels[0, :4]
    touched = encode_output(pixels[0], manifest.parameters, _recipe(manifest)).data
    found, differences = verify(manifest, touched, loaded)
    assert found[0].verdict is Verdict.SAME_BYTES
    assert differences == ["the stored file is not the one that the manifest tells of"]

    # Another seed, as if the manifest had been written by hand: other pixels, and how far off they are.
    forged = manifest.model_copy(update={"parameters": manifest.parameters | {"seed": 8}})
    other = verify(forged, stored, loaded)[0][0]
    assert other.verdict is Verdict.OTHER
    assert "PSNR" in str(other)
    # With a tolerance that takes nearly anything, even that is 'the same'.
    assert verify(forged, stored, loaded, tolerance=1.0)[0][0].verdict is Verdict.WITHIN

    # Another version wrote other text into the file: the pixels are the same.
    version = manifest.model_copy(update={"output": manifest.output.model_copy(update={"sha256": "0" * 64})})
    assert verify(version, stored, loaded)[0][0].verdict is Verdict.SAME_PIXELS

    # Another environment is told as it was and as it is.
    environment = manifest.environment.model_copy(update={"device": "NVIDIA of old"})
    elsewhere = manifest.model_copy(update={"environment": environment})
    assert any(told.startswith("device: NVIDIA of old then") for told in verify(elsewhere, stored, loaded)[1])


def test_alone_means_one_row_in_every_pass(tmp_path: Path) -> None:
    [(manifest, _), _], loaded = manifests("sprint-demo", tmp_path)
    sizes: list[int] = []
    predict = loaded.family.predict
    loaded.family.predict = lambda tracks: sizes.append(len(tracks)) or predict(tracks)  # type: ignore[assignment,method-assign,func-returns-value]
    render_again(manifest, loaded)
    render_again(manifest, loaded, exclusive=True)
    assert sizes == [2] * len(manifest.steps) + [1] * len(manifest.steps)


def test_likeness_is_psnr_and_the_largest_difference() -> None:
    flat = np.full((1, 10, 10, 3), 100, np.uint8)
    assert compare(flat, flat).psnr == float("inf")
    off = flat.copy()
    off[0, 0, 0, 0] = 110
    seen = compare(flat, off)
    assert seen.largest == 10
    assert seen.psnr == pytest.approx(10 * np.log10(255**2 / (100 / 300)))
    with pytest.raises(ValueError, match="10x10 and 20x10"):
        compare(flat, np.repeat(flat, 2, axis=2))


def test_files_that_a_render_was_made_with_are_asked_for_and_known_by_their_hash(tmp_path: Path) -> None:
    settings = Settings()
    path, lora = tmp_path / "cat.jpg", tmp_path / "style.safetensors"
    Image.new("RGB", (64, 64), "red").save(path)
    lora.write_bytes(b"weights")
    stored = clean_picture(path.read_bytes(), most_bytes=10**6, most_pixels=10**6).data
    digests = [hashlib.sha256(data).hexdigest() for data in (stored, b"weights")]
    image = {"id": "i1", "key": "inputs/i1", "sha256": digests[0]}
    style = {"name": "style", "weight": 1.0, "sha256": digests[1]}
    manifest = Manifest.model_construct(parameters={"prompt": "x", "image": image, "loras": [style]})

    # The picture as it was uploaded is as good as the one that the farm made of it.
    with given_files(manifest, [lora, path], settings) as files:
        assert Path(files["image"]).read_bytes() == stored
        assert Path(files[f"loras/{digests[1]}"]).read_bytes() == b"weights"

    other = tmp_path / "dog.png"
    Image.new("RGB", (64, 64), "blue").save(other)
    for given, words in (
        ([lora], r"made with a picture \(image\)"),
        ([path], "made with the LoRA 'style'"),
        ([path, lora, other], "dog.png is none of the files"),
        ([path, lora, tmp_path / "gone"], "there is no file"),
    ):
        with pytest.raises(InvalidRequest, match=words), given_files(manifest, given, settings):
            pass


def _recipe(manifest: Manifest) -> object:
    from workers.outputs.embedded_metadata import EmbeddedMetadata

    return EmbeddedMetadata(summary_line(manifest.parameters, manifest.model.name), {})


def test_the_manifest_of_a_fast_render_tells_its_passes_and_repeats_it_if_it_was_alone(tmp_path: Path) -> None:
    [(manifest, _), _], loaded = manifests("sana-demo", tmp_path, speed="fast", num_inference_steps=12)
    assert any(step.left_out for step in manifest.steps)
    assert verify(manifest, b"", loaded)[1][1] == (
        "a step cache decided by what its neighbours contained too, which no manifest keeps"
    )
    [(lone, stored), _], loaded = manifests(
        "sana-demo", tmp_path, speed="fast", num_inference_steps=12, deterministic=True
    )
    found, differences = verify(lone, stored, loaded)
    assert (found[0].verdict, differences) == (Verdict.SAME_BYTES, [])
