"""Pictures of two shapes: drawn as told, read back as drawn, and never read as something else."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from farm.demo.pair_captions import held_out_pairs, leave_out_of_pair, pair_caption
from farm.demo.pair_checker import check_pair
from farm.demo.pairs import Pair, Thing, draw, is_held_out_pair, random_pair, random_picture
from farm.demo.random_source import dice
from farm.demo.scenes import Scene, random_scene
from farm.demo.vocabulary import COLOURS, PALETTE, RELATIONS, SHAPES, SIZES

PAIRS = [random_pair(dice(f"pair {i}")) for i in range(24)]
KNOWN = Pair(Thing("circle", "red"), Thing("square", "blue"), "left", "white")


@pytest.mark.parametrize("pair", PAIRS)
def test_a_drawn_pair_is_right_in_every_attribute_from_both_sides(pair: Pair) -> None:
    picture = draw(pair, rng=dice(1))
    assert check_pair(picture, pair).all_right
    assert check_pair(picture, pair.turned()).all_right


@pytest.mark.parametrize("side", [128, 256, 320])
def test_pairs_of_other_sizes_are_read_as_well(side: int) -> None:
    assert all(check_pair(draw(pair, side), pair).all_right for pair in PAIRS[:6])


def test_a_blurred_pair_still_passes() -> None:
    assert all(check_pair(draw(pair).filter(ImageFilter.GaussianBlur(2)), pair).all_right for pair in PAIRS[:10])


def test_another_relation_is_wrong_and_nothing_else_is() -> None:
    for pair in PAIRS[:6]:
        for relation in RELATIONS:
            if relation != pair.relation:
                found = asdict(check_pair(draw(replace(pair, relation=relation)), pair))
                assert not found.pop("relation")
                assert all(found.values()), (pair, relation, found)


@pytest.mark.parametrize(("field", "choices"), [("shape", SHAPES), ("colour", COLOURS), ("size", SIZES)])
def test_one_wrong_attribute_of_one_shape_is_named_and_only_that_one(field: str, choices: dict[str, object]) -> None:
    for pair in PAIRS[:5]:
        asked = replace(pair, first=replace(pair.first, size="small"), second=replace(pair.second, size="large"))
        for other in choices:
            things = (replace(asked.first, **{field: other}), asked.second)
            taken = {pair.background, *(getattr(thing, field) for thing in (asked.first, asked.second))}
            if other in taken - {asked.second.size}:
                continue
            found = asdict(check_pair(draw(replace(asked, first=things[0])), asked))
            assert not found.pop(f"{field}s"), (asked, other)
            assert all(found.values()), (asked, other, found)


def test_colours_that_changed_places_are_wrong() -> None:
    """The shapes are there, the colours are there, but whose colour is whose was mixed up."""
    swapped = replace(KNOWN, first=Thing("circle", "blue"), second=Thing("square", "red"))
    assert not check_pair(draw(swapped), KNOWN).all_right
    found = check_pair(draw(swapped), KNOWN)
    assert not (found.colours and found.shapes and found.relation)


def test_the_ground_must_be_as_asked_and_may_be_left_open() -> None:
    assert not check_pair(draw(replace(KNOWN, background="green")), KNOWN).background
    assert check_pair(draw(replace(KNOWN, background="green")), replace(KNOWN, background=None)).all_right


def test_a_third_shape_a_missing_one_and_none_at_all_are_wrong() -> None:
    third = draw(KNOWN)
    ImageDraw.Draw(third).ellipse((112, 20, 144, 52), fill=PALETTE["green"])
    alone = draw(Scene("circle", "red", "white", "left", "small"))
    for picture in (third, alone, Image.new("RGB", (256, 256), "white")):
        found = check_pair(picture, KNOWN)
        assert found.background
        assert [found.colours, found.shapes, found.sizes, found.relation] == [False] * 4


def test_specks_do_not_count_as_shapes() -> None:
    picture = draw(KNOWN)
    for x, y in ((20, 20), (230, 40), (128, 240)):
        ImageDraw.Draw(picture).rectangle((x, y, x + 3, y + 3), fill=PALETTE["black"])
    assert check_pair(picture, KNOWN).all_right


def test_lumps_of_the_right_colour_in_the_right_place_have_no_form() -> None:
    picture = Image.new("RGB", (256, 256), PALETTE["white"])
    canvas = ImageDraw.Draw(picture)
    canvas.rectangle((24, 118, 104, 138), fill=PALETTE["red"])  # as long as a circle is wide, and flat
    canvas.polygon([(152, 128), (192, 88), (232, 128), (192, 168)], fill=PALETTE["blue"])  # a square on its corner
    found = check_pair(picture, KNOWN)
    assert found.colours
    assert found.relation
    assert not found.shapes


def test_noise_shows_no_pair() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8))
    found = check_pair(noise, Pair(Thing(None, None), Thing(None, None), None, None))
    assert [found.colours, found.shapes, found.relation] == [False] * 3


def test_shapes_askew_of_each_other_stand_in_no_relation() -> None:
    picture = Image.new("RGB", (256, 256), PALETTE["white"])
    canvas = ImageDraw.Draw(picture)
    canvas.ellipse((18, 18, 110, 110), fill=PALETTE["red"])
    canvas.rectangle((150, 150, 233, 233), fill=PALETTE["blue"])
    found = check_pair(picture, KNOWN)
    assert found.shapes
    assert found.colours
    assert not found.relation


def test_pairs_read_as_people_write_them() -> None:
    assert pair_caption(replace(KNOWN, background=None)) == "a red circle left of a blue square"
    assert pair_caption(KNOWN) == "a red circle left of a blue square on a white background"
    assert pair_caption(replace(KNOWN, relation="above", background=None), "zh") == "红色圆形在蓝色正方形的上方"
    large = replace(KNOWN, first=Thing("star", "orange", "large"), relation="below")
    assert pair_caption(large) == "a large orange star below a blue square on a white background"


def test_held_out_pairs_are_repeatable_fresh_and_in_both_languages() -> None:
    asked = held_out_pairs(64, seed=5)
    assert asked == held_out_pairs(64, seed=5)
    assert asked != held_out_pairs(64, seed=6)
    assert all(is_held_out_pair(pair) and is_held_out_pair(pair.turned()) for pair, _ in asked)
    assert sum(text.isascii() for _, text in asked) == 32


def test_training_never_draws_a_held_out_pair_and_shows_one_shape_too() -> None:
    rng = dice("training")
    shown = [random_picture(rng) for _ in range(1500)]
    assert not any(is_held_out_pair(scene) for scene in shown if isinstance(scene, Pair))
    assert 250 < sum(isinstance(scene, Scene) for scene in shown) < 500


def test_leaving_out_of_a_pair_never_invents() -> None:
    rng = dice("leave out")
    for pair in PAIRS:
        asked = leave_out_of_pair(pair, rng)
        assert asked.relation == pair.relation
        assert asked.background in (None, pair.background)
        for thing, whole in ((asked.first, pair.first), (asked.second, pair.second)):
            assert thing.colour in (None, whole.colour)
            assert thing.shape in (None, whole.shape)


def test_what_leaves_something_open_cannot_be_drawn() -> None:
    for scene in (
        replace(KNOWN, relation=None),
        replace(KNOWN, first=Thing(None, "red")),
        Scene("star", "red", "blue"),
    ):
        with pytest.raises(ValueError, match="leaves"):
            draw(scene)


def test_one_shape_is_drawn_as_before_and_a_little_larger() -> None:
    scene = random_scene(dice("one"))
    assert draw(scene, 256).size == (256, 256)
