"""Twelve captioned pictures of a shape that sana-demo has never seen teach it that shape, through the whole farm."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from farm.demo import scenes
from farm.demo.captions import caption
from farm.demo.checker import check_picture
from farm.demo.random_source import dice
from farm.demo.scenes import Scene, draw_picture, random_scene
from farm.demo.vocabulary import COLOURS, PLACES, SHAPES, Word
from tests.end_to_end.farms import RunningFarm, running_farm
from tests.end_to_end.trainings import ONLY_PICTURES, settings_with, train

pytestmark = pytest.mark.long

SHAPE, PICTURES, FRESH, LEAST = "cross", 12, 32, 29
OPTIONS = ("--seed=1", "--learning-rate=4e-3", "--lr-scheduler=cosine", "--lr-warmup-steps=10", "--max-train-steps=600")
KNOWN_OUTLINE = scenes.outline


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    yield from running_farm(tmp_path_factory.mktemp("shape"), lambda folder: settings_with(folder, ONLY_PICTURES))


@pytest.fixture
def known_to_the_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new shape is one of the demo world's, but for all that ever trained the model."""
    monkeypatch.setattr(scenes, "outline", outline)
    monkeypatch.setitem(SHAPES, SHAPE, Word((SHAPE,), (SHAPE,)))


def outline(shape: str, centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    """The outlines of the demo world, and the new one."""
    x, y = centre
    if shape != SHAPE:
        return KNOWN_OUTLINE(shape, centre, radius)
    corner = [(-1 / 3, -1.0), (1 / 3, -1.0), (1 / 3, -1 / 3)]
    turns = [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)]  # by a quarter each
    return [(x + radius * (a * u + b * v), y + radius * (c * u + d * v)) for a, b, c, d in turns for u, v in corner]


def shown_scenes(name: str) -> list[Scene]:
    """What the pictures show. Large ones: of small crosses twelve pictures teach too little. Each colour and each place
    is there: with a colour that no picture shows, the old shape comes back.
    """
    chance = dice(name)

    def evenly(names: Sequence[str]) -> list[str]:
        rounds = [chance.sample(names, len(names)) for _ in range(2)]
        return [*rounds[0], *rounds[1]][:PICTURES]

    while True:
        colours, backgrounds = evenly(list(COLOURS)), evenly(list(COLOURS))
        if all(colour != background for colour, background in zip(colours, backgrounds, strict=True)):
            break
    drawn = zip(colours, backgrounds, evenly(list(PLACES)), strict=True)
    return [Scene(SHAPE, colour, background, place, "large") for colour, background, place in drawn]


def fresh_scenes(name: str, shown: Sequence[Scene]) -> list[Scene]:
    chance = dice(name)
    drawn = (replace(random_scene(chance), shape=SHAPE, size="large") for _ in range(2 * FRESH))
    return [scene for scene in drawn if scene not in shown][:FRESH]


def read_as_asked(farm: RunningFarm, captions: Path, fresh: Sequence[Scene], **asked: Any) -> int:
    """How many of the pictures that the farm renders of these captions show the shape."""
    job = farm.client.submit_file("sana-demo", captions, num_inference_steps=10, **asked)
    farm.client.wait(job.id, timeout=600)
    made = [farm.picture(render.id) for render in farm.renders(job.id)]
    return sum(check_picture(image, scene).shape for image, scene in zip(made, fresh, strict=True))


@pytest.mark.usefixtures("known_to_the_checker")
def test_twelve_pictures_of_a_new_shape_teach_the_model_that_shape(farm: RunningFarm, tmp_path: Path) -> None:
    # Given a shape that no weight of the model knows, twelve pictures of it with captions, and fresh captions,
    folder, chance, shown = tmp_path / SHAPE, dice("shades"), shown_scenes("new shape")
    folder.mkdir()
    for number, scene in enumerate(shown):
        draw_picture(scene, rng=chance).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(caption(scene))
    fresh, captions = fresh_scenes("fresh", shown), tmp_path / "fresh.jsonl"
    rows = [{"prompt": caption(scene), "seed": 100 + number} for number, scene in enumerate(fresh)]
    captions.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert read_as_asked(farm, captions, fresh) == 0
    # when a LoRA is trained from the pictures,
    trained = train(farm, "sana-demo", folder, "--wait", *OPTIONS)
    # then the captions give that shape with it.
    assert read_as_asked(farm, captions, fresh, loras=[{"name": trained["adapter"]}]) >= LEAST
