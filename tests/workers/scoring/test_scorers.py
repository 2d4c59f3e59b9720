"""Scorers without weights: the figures of the sources that their pages name."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from farm.demo.captions import CHINESE, ENGLISH, caption, held_out_scenes
from farm.demo.prompts import NoScene, scene_of
from farm.demo.scenes import Scene, draw_clip, draw_picture
from farm.plugins import PluginKind, plugin_names
from farm.scorers import BUILT_IN
from workers.outputs.encode import Pixels
from workers.outputs.plugins import CannotScore
from workers.scoring.demo_prompt import DemoPrompt
from workers.scoring.motion import Flicker, Smoothness
from workers.scoring.sharpness import Sharpness

#: Pictures by the generator below, and what OpenCV 5.0.0 says of them:
#: cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var()
OPENCV = {(37, 53): 51976.59173776453, (2, 3): 69964.80555555556, (1, 9): 8010.888888888887}


def noises() -> dict[tuple[int, int], Pixels]:
    generator = np.random.default_rng(0)
    return {size: generator.integers(0, 256, (*size, 3)).astype(np.uint8) for size in OPENCV}


def clip_of(*levels: int) -> Pixels:
    return np.stack([np.full((8, 8, 3), level, np.uint8) for level in levels])


def test_what_is_known_of_scorers_without_loading_them_is_of_those_that_are_there() -> None:
    assert set(BUILT_IN) <= set(plugin_names(PluginKind.SCORER))


def test_sharpness_is_the_figure_of_opencv() -> None:
    for size, picture in noises().items():
        assert Sharpness()(picture, {}) == pytest.approx(OPENCV[size], abs=1e-3)
    ramp = np.stack([np.add.outer(np.arange(64), np.arange(64)) * 2, np.add.outer(np.arange(64) * 3, np.zeros(64))], -1)
    picture = np.concatenate([ramp, np.full((64, 64, 1), 7)], -1).clip(0, 255).astype(np.uint8)
    assert Sharpness()(picture, {}) == pytest.approx(3.7055654525756836, abs=1e-3)
    assert Sharpness()(np.stack([picture] * 3), {}) == pytest.approx(3.7055654525756836, abs=1e-3)


def test_flicker_is_that_of_vbench_worked_out_with_pillow() -> None:
    frames = [Image.fromarray(frame) for frame in np.random.default_rng(1).integers(0, 256, (5, 9, 7, 3), np.uint8)]
    steps = [np.mean(ImageStat.Stat(ImageChops.difference(first, second)).mean) for first, second in pairwise(frames)]
    ours = Flicker()(np.stack([np.asarray(frame) for frame in frames]), {})
    assert ours == pytest.approx((255 - np.mean(steps)) / 255, abs=1e-3)
    assert Flicker()(clip_of(7, 7, 7), {}) == 1
    assert Flicker()(clip_of(0, 255, 0), {}) == 0


def test_smoothness_blames_jumps_and_no_even_movement() -> None:
    assert Smoothness()(clip_of(10, 20, 30, 40), {}) == 1
    assert Smoothness()(clip_of(0, 255, 0), {}) == 0
    assert Smoothness()(clip_of(0, 100, 0, 0), {}) == pytest.approx(1 - (100 + 50) / 2 / 255)


@pytest.mark.parametrize("scorer", [Flicker(), Smoothness()])
def test_scorers_of_clips_say_of_a_picture_that_it_is_one(scorer: Flicker | Smoothness) -> None:
    with pytest.raises(CannotScore, match="it is a picture; this scorer looks at clips"):
        scorer(clip_of(1)[0], {})
    with pytest.raises(CannotScore, match="it has 1 frames"):
        scorer(clip_of(1), {})


def test_the_prompt_is_read_back_to_the_scene_that_it_was_written_from() -> None:
    for clip in (False, True):
        for scene, words in held_out_scenes(60, 5, clip=clip):
            assert scene_of(words) == scene
            assert {scene_of(caption(scene, language)) for language in (ENGLISH, CHINESE)} == {scene}
    assert scene_of("A big red circle") == Scene("circle", "red", None, size="large")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("a cat in the rain", "asks for nothing"), ("a red circle and a red star", "several shapes (circle, star)")],
)
def test_a_prompt_of_another_world_has_no_figure(prompt: str, words: str) -> None:
    with pytest.raises(NoScene) as refused:
        scene_of(prompt)
    assert words in str(refused.value)
    with pytest.raises(CannotScore):
        DemoPrompt()(np.zeros((64, 64, 3), np.uint8), {"prompt": prompt})


def test_the_prompt_scorer_counts_what_is_asked_for_and_to_be_seen() -> None:
    scene = Scene("circle", "red", "blue", place="top left", size="large")
    picture = np.asarray(draw_picture(scene))

    def score(prompt: str) -> float:
        return DemoPrompt()(picture, {"prompt": prompt})

    assert score(caption(scene)) == 1
    assert score("a red circle") == 1  # what is not asked for does not count
    assert score("a green circle") == 0.5
    assert score("a small green circle in the top left corner on a blue background") == pytest.approx(3 / 5)
    moving = np.stack([np.asarray(frame) for frame in draw_clip(Scene("star", "green", "white", motion="left"))])
    assert DemoPrompt()(moving, {"prompt": "a green star moving left on a white background"}) == 1
    assert DemoPrompt()(moving, {"prompt": "a green star moving right on a white background"}) == 0.75
