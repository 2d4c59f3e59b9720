"""What a request may say of the stored file: only what its model's outputs can be, and nothing is adjusted."""

from typing import Any

import pytest

from farm.catalog import load_catalog
from farm.errors import InvalidRequest
from farm.params import RenderParameters, check_and_resolve
from farm.params.model_change_checks import ModelChangeChecks
from farm.settings import load_settings

CATALOG = load_catalog(load_settings(variables={}), {})


def asked(model: str, **fields: Any) -> tuple[list[RenderParameters], list[str]]:
    document = {"model": model, "prompt": "a red circle", "seed": 1, **fields}
    _, resolved = check_and_resolve(document, CATALOG, max_renders=100, draw_seed=lambda: 0)
    return list(resolved.renders), resolved.notices


@pytest.mark.parametrize(
    ("model", "fields", "format_and_quality"),
    [
        ("sana-demo", {}, ("png", None)),
        ("sana-demo", {"output_format": "avif"}, ("avif", 80)),
        ("sprint-demo", {"output_format": "jpeg", "output_quality": 70}, ("jpeg", 70)),
        ("wan-demo", {}, ("mp4", 80)),
        ("wan-demo", {"output_format": "webp"}, ("webp", 90)),
        ("wan-demo", {"num_frames": 1}, ("png", None)),
        ("wan-demo", {"num_frames": 1, "output_format": "mp4"}, ("mp4", 80)),
    ],
)
def test_a_format_brings_the_quality_that_fits_it(model: str, fields: dict[str, Any], format_and_quality: Any) -> None:
    [render], notices = asked(model, **fields)
    assert (render.output_format, render.output_quality) == format_and_quality
    assert notices == []


@pytest.mark.parametrize(
    ("model", "fields", "place", "words"),
    [
        ("sana-demo", {"output_format": "mp4"}, "/output_format", "mp4 holds clips, and this is a picture"),
        ("wan-demo", {"output_format": "png"}, "/output_format", "png holds one picture, and this is a clip"),
        ("sana-demo", {"output_format": "tiff"}, "/output_format", "'tiff' is unknown"),
        ("sana-demo", {"output_format": ["png", "bmp"]}, "/output_format/1", "'bmp' is unknown"),
        ("sana-demo", {"output_format": "webp", "output_quality": 0}, "/output_quality", "between 1 and 100"),
        ("sana-demo", {"output_quality": "high"}, "/output_quality", "must be a whole number"),
    ],
)
def test_a_format_that_cannot_hold_the_output_is_refused(
    model: str, fields: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(model, **fields)
    assert [(fault.field, words in fault.message) for fault in refused.value.faults] == [(place, True)]


def test_a_quality_that_has_no_effect_is_told() -> None:
    [png, webp], notices = asked("sana-demo", output_format=["png", "webp"], output_quality=40)
    assert (png.output_quality, webp.output_quality) == (None, 40)
    assert notices == ["/output_quality: has no effect: png has no levels of quality"]


def test_a_render_keeps_its_format_when_its_job_goes_to_another_model() -> None:
    [render], _ = asked("sana-demo", output_format="webp", output_quality=55, keep_latents=True)
    moved = ModelChangeChecks(CATALOG.model("sana-demo")).check(render.model_dump())
    assert isinstance(moved, RenderParameters)
    assert (moved.output_format, moved.output_quality, moved.keep_latents) == ("webp", 55, True)
