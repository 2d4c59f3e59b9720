"""What files say of how they were made is found in each format, ours and those of other programs."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from farm.errors import InvalidRequest
from farm.manifest import summary_line
from farm.saved_parameters.extraction import texts_in
from farm.saved_parameters.infotext import read_infotext
from farm.saved_parameters.reading import read_saved
from tests.workers.outputs.test_video_file import striped
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.encode import encode_output

PARAMETERS: dict[str, Any] = {
    "prompt": "a red fox & 蓝色 <big>",
    "negative_prompt": "blurred",
    "seed": 2**64 - 1,
    "num_inference_steps": 20,
    "guidance_scale": 4.5,
    "sampler": "dpm++-2m",
    "width": 96,
    "height": 64,
}
DOCUMENT = {"model": {"name": "sana-demo"}, "parameters": PARAMETERS}
METADATA = EmbeddedMetadata(summary_line(PARAMETERS, "sana-demo"), DOCUMENT)
GRAPH = {"1": {"class_type": "KSampler", "inputs": {}}}


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "avif", "mp4", "gif"])
def test_an_output_of_this_farm_says_how_it_was_made_in_every_format(form: str, tmp_path: Path) -> None:
    picture, clip = striped(96, 64)[0], np.repeat(striped(96, 64)[:1], 3, axis=0)
    asked = {"output_format": form, "output_quality": None if form in ("png", "gif") else 92, "fps": 8}
    path = tmp_path / f"output.{form}"
    path.write_bytes(encode_output(clip if form in ("mp4", "gif") else picture, asked, METADATA).data)
    found = read_saved(path)
    if form != "gif":  # has room for A1111's text alone
        assert found.document is not None
        assert json.loads(found.document) == DOCUMENT
    text = read_infotext(found.infotext or "")
    assert text is not None
    assert (text.prompt, text.negative_prompt) == (PARAMETERS["prompt"], "blurred")
    assert text.parameters["Seed"] == str(2**64 - 1)


def test_graphs_of_comfyui_are_found_in_pictures_in_webp_and_by_themselves(tmp_path: Path) -> None:
    graph = json.dumps(GRAPH)
    chunks, exif, picture = PngInfo(), Image.Exif(), Image.new("RGB", (8, 8))
    chunks.add_text("workflow", "{}")
    chunks.add_text("prompt", graph)
    exif[0x0110] = f"prompt:{graph}"
    exif[0x010F] = "workflow:{}"
    picture.save(tmp_path / "graph.png", pnginfo=chunks)
    picture.save(tmp_path / "graph.webp", exif=exif)
    (tmp_path / "graph.json").write_text(graph)
    for name in ("graph.png", "graph.webp", "graph.json"):
        assert read_saved(tmp_path / name).workflow == graph, name


def test_a_text_of_a1111_is_taken_apart_with_its_quotes_and_lines() -> None:
    text = read_infotext(
        "a fox,\nin snow <lora:ink:0.8>\nNegative prompt: blurred,\nugly\n"
        'Steps: 30, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 5, Size: 512x768, Lora hashes: "ink: 01, b: 02", X: y'
    )
    assert text is not None
    assert text.prompt == "a fox, in snow <lora:ink:0.8>"
    assert text.negative_prompt == "blurred, ugly"
    assert (text.parameters["Sampler"], text.parameters["Lora hashes"]) == ("DPM++ 2M Karras", "ink: 01, b: 02")
    assert read_infotext("just a prompt: yes") is None
    assert read_infotext("") is None


@pytest.mark.parametrize(
    "data", [b"", b"a text", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\0\0\0\x18ftypmp42" + b"\0" * 90]
)
def test_what_says_nothing_and_what_is_broken_is_refused_in_words(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert texts_in(path) == {}
    with pytest.raises(InvalidRequest) as refused:
        read_saved(path)
    assert "does not say how it was made" in refused.value.faults[0].message
    plain = io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "PNG")
    path.write_bytes(plain.getvalue())
    with pytest.raises(InvalidRequest):
        read_saved(path)
