"""The checker of the demo world sees what is there, and nothing else: a blind checker fails here."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from farm.demo.captions import caption, held_out_scenes, leave_out
from farm.demo.checker import PictureCheck, check_clip, check_picture
from farm.demo.random_source import dice
from farm.demo.scenes import Scene, draw_clip, draw_picture, is_held_out, random_scene
from farm.demo.vocabulary import COLOURS, MOTIONS, PLACES, SHAPES, SIZES

PICTURES = [random_scene(dice(f"picture {i}")) for i in range(40)]
CLIPS = [random_scene(dice(f"clip {i}"), clip=True) for i in range(15)]
OTHERS = {"shape": SHAPES, "colour": COLOURS, "background": COLOURS, "place": PLACES, "size": SIZES}


def _different(scene: Scene, attribute: str, choices: dict[str, object]) -> list[Scene]:
    taken = {getattr(scene, attribute), scene.colour, scene.background}
    return [replace(scene, **{attribute: name}) for name in choices if name not in taken]


@pytest.mark.parametrize("scene", PICTURES)
def test_a_drawn_picture_is_right_in_every_attribute(scene: Scene) -> None:
    assert check_picture(draw_picture(scene, rng=dice(1)), scene).all_right


@pytest.mark.parametrize("size", [(192, 128), (128, 192), (256, 256)])
def test_pictures_of_other_sizes_are_read_as_well(size: tuple[int, int]) -> None:
    assert all(check_picture(draw_picture(scene, *size), scene).all_right for scene in PICTURES[:20])


@pytest.mark.parametrize("attribute", list(OTHERS))
def test_one_wrong_attribute_of_a_picture_is_named_and_only_that_one(attribute: str) -> None:
    for scene in PICTURES:
        for other in _different(scene, attribute, OTHERS[attribute]):
            found = asdict(check_picture(draw_picture(other), scene))
            assert found.pop(attribute) is False, (scene, other)
            assert all(found.values()), (scene, other, found)


def test_a_blurred_picture_still_passes() -> None:
    for scene in PICTURES:
        assert check_picture(draw_picture(scene).filter(ImageFilter.GaussianBlur(1.5)), scene).all_right


def test_noise_and_empty_pictures_show_no_shape() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (128, 128, 3), dtype=np.uint8))
    for image in (noise, Image.new("RGB", (128, 128), "red")):
        found = check_picture(image, Scene(None, None, None))
        assert not found.shape
        assert not found.size


def test_a_form_that_is_none_of_the_shapes_has_a_size_and_is_not_taken_for_the_nearest_shape() -> None:
    for radius, size in ((18, "small"), (30, "large")):
        diamond = Image.new("RGB", (128, 128), "blue")
        corners = [(64, 64 - radius), (64 + radius, 64), (64, 64 + radius), (64 - radius, 64)]
        ImageDraw.Draw(diamond).polygon(corners, fill="red")
        found = check_picture(diamond, Scene(None, "red", "blue", "centre", size))
        assert found == PictureCheck(background=True, colour=True, place=True, size=True, shape=False)


def test_what_a_caption_leaves_open_is_not_judged() -> None:
    asked = Scene(shape="star", colour=None, background=None)
    for scene in PICTURES:
        assert check_picture(draw_picture(scene), asked).all_right is (scene.shape == "star")


@pytest.mark.parametrize("scene", CLIPS)
def test_a_drawn_clip_is_right_in_every_attribute(scene: Scene) -> None:
    assert check_clip(draw_clip(scene, rng=dice(1)), scene).all_right


@pytest.mark.parametrize(
    ("attribute", "choices"),
    [("shape", SHAPES), ("colour", COLOURS), ("background", COLOURS), ("motion", MOTIONS)],
)
def test_one_wrong_attribute_of_a_clip_is_named_and_only_that_one(attribute: str, choices: dict[str, object]) -> None:
    for scene in CLIPS:
        for other in _different(scene, attribute, choices):
            found = asdict(check_clip(draw_clip(other), scene))
            assert found.pop(attribute) is False, (scene, other)
            assert all(found.values()), (scene, other, found)


def test_a_clip_played_backwards_moves_the_other_way() -> None:
    moving = replace(CLIPS[0], motion="left")
    assert not check_clip(draw_clip(moving)[::-1], moving).motion
    assert check_clip(draw_clip(moving)[::-1], replace(moving, motion="right")).all_right


def test_held_out_captions_are_repeatable_fresh_and_in_both_languages() -> None:
    asked = held_out_scenes(64, seed=5)
    assert asked == held_out_scenes(64, seed=5)
    assert asked != held_out_scenes(64, seed=6)
    assert all(is_held_out(scene) for scene, _ in asked)
    assert sum(text.isascii() for _, text in asked) == 32


def test_training_never_draws_a_held_out_combination() -> None:
    rng = dice("training")
    assert not any(is_held_out(random_scene(rng)) for _ in range(2000))


def test_captions_read_as_people_write_them() -> None:
    scene = Scene("circle", "red", "blue")
    assert caption(scene) == "a red circle on a blue background"
    assert caption(scene, "zh") == "蓝色背景上的红色圆形"
    assert caption(replace(scene, colour="orange", motion="left")) == (
        "an orange circle moving left on a blue background"
    )


def test_leaving_out_never_invents() -> None:
    rng = dice("leave out")
    for scene in PICTURES:
        asked = leave_out(scene, rng)
        assert all(value in (None, getattr(scene, name)) for name, value in asdict(asked).items())
