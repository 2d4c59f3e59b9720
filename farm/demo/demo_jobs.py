"""What `farm demo` asks for: pictures of three models and clips of a fourth, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farm.demo.captions import CHINESE, ENGLISH, caption, held_out_scenes
from farm.demo.pair_captions import held_out_pairs, pair_caption
from farm.demo.pairs import Pair, Thing
from farm.demo.scenes import Scene

#: Which held-out scenes: the same on every run, so that two machines can be compared.
SCENES_SEED = 1
SEED = 2026  # of every render


@dataclass(frozen=True, slots=True)
class Stop:
    """One job of the tour: a model, and the scenes to ask it for by their prompts."""

    model: str
    scenes: Mapping[str, Scene | Pair]
    clip: bool = False

    @property
    def prompts(self) -> list[str]:
        return list(self.scenes)


def plan_tour(pictures: int, clips: int) -> list[Stop]:
    """The jobs: `pictures` of one shape from each model that draws one, a quarter as many of two shapes (they have
    four times the pixels; four at least), and `clips` clips. Half of the prompts are Chinese.

    The first two prompts are the same in both languages; the others are scenes that no training has seen.
    """
    known = Scene(shape="circle", colour="red", background="blue", place="centre", size="large")
    moving = Scene(shape="circle", colour="red", background="blue", motion="right")
    return [
        Stop("sana-demo", _scenes(known, pictures, SCENES_SEED)),
        Stop("sana-pair-demo", _pairs(max(4, pictures // 4), SCENES_SEED)),
        Stop("sprint-demo", _scenes(known, pictures, SCENES_SEED + 1)),
        Stop("wan-demo", _scenes(moving, clips, SCENES_SEED + 2, clip=True), clip=True),
    ]


def _scenes(known: Scene, count: int, seed: int, *, clip: bool = False) -> dict[str, Scene]:
    scenes = {caption(known, language): known for language in (ENGLISH, CHINESE)}
    for scene, prompt in held_out_scenes(count, seed, clip=clip):
        scenes.setdefault(prompt, scene)
    return dict(list(scenes.items())[:count])


def _pairs(count: int, seed: int) -> dict[str, Pair]:
    known = Pair(Thing("circle", "red"), Thing("square", "blue"), "left", "white")
    pairs = {pair_caption(known, language): known for language in (ENGLISH, CHINESE)}
    for pair, prompt in held_out_pairs(count, seed):
        pairs.setdefault(prompt, pair)
    return dict(list(pairs.items())[:count])
