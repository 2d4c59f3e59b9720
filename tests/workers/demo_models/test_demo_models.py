"""What a user can rely on with the shipped demo models: each card's rates, on captions that nothing was tuned on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from diffusers import DiffusionPipeline  # noqa: E402
from safetensors import safe_open  # noqa: E402

from farm.demo.checker import check_picture  # noqa: E402
from farm.demo.rates import read_rates  # noqa: E402
from farm.demo.scenes import Scene  # noqa: E402
from workers.demo_models.clip_decoder import Decoding  # noqa: E402
from workers.demo_models.evaluate import (  # noqa: E402
    PAIRS,
    USUAL,
    WEIGHTS,
    Rates,
    load,
    measure,
    measure_pairs,
    render_clips,
    render_pictures,
)

FRESH = 90_210
"""A seed that no training, no choice of a checkpoint and no card has looked at."""

MEGABYTES = 25
GOALS = {
    "sana-demo": 0.95,
    "sana-pair-demo": 0.9,
    "sprint-demo": 0.85,
    "background": 0.9,
    "colour": 0.9,
    "shape": 0.9,
    "motion": 0.9,
}
"""What a demo model must reach to be shipped: shares of held-out captions."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def model(name: str) -> DiffusionPipeline:
    return load(WEIGHTS / name)


@cache
def rates(name: str, captions: int) -> Rates:
    measured = measure_pairs if name == PAIRS else measure
    return measured(model(name), captions, FRESH, **USUAL[name])[0]


def pictures(name: str, prompts: list[str], seed: int = 7, **call: Any) -> list[Any]:
    return render_pictures(model(name), prompts, seed, **(USUAL[name] | call))


@pytest.mark.long
@pytest.mark.parametrize(("name", "captions"), [("sana-demo", 24), ("sana-pair-demo", 16), ("sprint-demo", 32)])
def test_pictures_show_what_was_asked_at_the_rate_that_the_card_states(name: str, captions: int) -> None:
    stated = read_rates(WEIGHTS / name)
    assert stated.all >= GOALS[name]
    assert rates(name, captions).all_right >= stated.least_right(captions)


@pytest.mark.long
@pytest.mark.parametrize("attribute", ["background", "colour", "shape", "motion"])
def test_clips_show_what_was_asked_at_the_rate_that_the_card_states(attribute: str) -> None:
    stated = read_rates(WEIGHTS / "wan-demo")
    assert rates("wan-demo", 12).right[attribute] >= stated.least_right(12, attribute)


@pytest.mark.parametrize("attribute", ["background", "colour", "shape", "motion"])
def test_the_card_of_clips_states_what_was_wanted(attribute: str) -> None:
    assert read_rates(WEIGHTS / "wan-demo").attributes[attribute] >= GOALS[attribute]


@pytest.mark.parametrize("name", ["sana-demo", "sana-pair-demo", "sprint-demo", "wan-demo"])
def test_the_card_states_the_rates_that_are_recorded_beside_it(name: str) -> None:
    stated, card = read_rates(WEIGHTS / name), (WEIGHTS / name / "README.md").read_text(encoding="utf-8")
    row = next(line for line in card.splitlines() if line.startswith(f"| {stated.num_inference_steps}, "))
    counts = [int(cell.strip(" *")) for cell in row.strip("| ").split("|")[1:]]
    assert counts == [round(share * stated.captions) for share in (*stated.attributes.values(), stated.all)]


@pytest.mark.parametrize("prompt", ["a red circle on a blue background", "蓝色背景上的红色圆形"])
@pytest.mark.parametrize("name", ["sana-demo", "sprint-demo"])
def test_the_colours_of_a_short_prompt_are_mostly_right_in_both_languages(name: str, prompt: str) -> None:
    asked = Scene(None, "red", "blue")
    found = [check_picture(image, asked) for image in pictures(name, [prompt] * 4)]
    assert sum(check.background and check.colour for check in found) >= 3


@pytest.mark.parametrize(
    "prompt", ["a large red circle in the centre on a blue background", "蓝色背景上中间的大号红色圆形"]
)
@pytest.mark.parametrize("name", ["sana-demo", "sprint-demo"])
def test_a_prompt_that_names_place_and_size_gives_a_clean_shape(name: str, prompt: str) -> None:
    asked = Scene("circle", "red", "blue", "centre", "large")
    assert all(check_picture(image, asked).all_right for image in pictures(name, [prompt] * 3))


def test_the_seed_chooses_what_the_prompt_leaves_open() -> None:
    first, other = pictures("sana-demo", ["a red circle on a blue background"] * 2)
    again = pictures("sana-demo", ["a red circle on a blue background"] * 2)[0]
    assert np.array_equal(np.asarray(first), np.asarray(again))
    assert not np.array_equal(np.asarray(first), np.asarray(other))


@pytest.mark.long
def test_a_negative_prompt_keeps_away_what_it_names() -> None:
    prompts = ["a large circle in the centre"] * 8
    free = [check_picture(i, Scene(None, None, "blue")) for i in pictures("sana-demo", prompts)]
    without = [
        check_picture(i, Scene(None, None, "blue"))
        for i in pictures("sana-demo", prompts, negative_prompt=["a blue background"] * 8)
    ]
    assert sum(check.background for check in without) <= sum(check.background for check in free)
    assert sum(check.background for check in without) <= 1


@pytest.mark.parametrize(("width", "height"), [(192, 128), (128, 192)])
@pytest.mark.parametrize("name", ["sana-demo", "sprint-demo"])
def test_other_formats_render_the_right_colours(name: str, width: int, height: int) -> None:
    (image,) = pictures(name, ["a large red circle in the centre on a white background"], width=width, height=height)
    assert image.size == (width, height)
    assert check_picture(image, Scene(None, "red", "white")).background


def test_the_training_of_the_decoder_sees_what_the_pipeline_decodes() -> None:
    vae = model("wan-demo").vae  # type: ignore[attr-defined]
    decoding = Decoding(vae)
    latents = torch.randn(2, 16, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = vae.decode(latents * decoding.spread + decoding.mean, return_dict=False)[0]
        assert torch.allclose(decoding(latents).clamp(-1, 1), expected, atol=1e-4)


def test_clips_of_other_lengths_render() -> None:
    (frames,) = render_clips(
        model("wan-demo"), ["a red circle moving left"], seed=7, num_frames=5, num_inference_steps=2
    )
    assert len(frames) == 5


def test_the_models_are_small_and_stored_as_half_precision_safetensors() -> None:
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MEGABYTES * 2**20
    assert not [file for file in files if file.suffix in {".bin", ".pt", ".pkl"}]
    for name in USUAL:
        assert (WEIGHTS / name / "README.md").exists()
        for file in (WEIGHTS / name).rglob("*.safetensors"):
            with safe_open(file, framework="pt") as stored:
                assert {stored.get_tensor(key).dtype for key in stored.keys()} == {torch.bfloat16}, file  # noqa: SIM118
