"""From a scene to the words that ask for it, and fresh scenes that no training has seen."""

from __future__ import annotations

import random
from dataclasses import replace

from farm.demo.random_source import dice
from farm.demo.scenes import Scene, random_scene
from farm.demo.vocabulary import COLOURS, MOTIONS, PLACES, SHAPES, SIZES, Word

ENGLISH = "en"
CHINESE = "zh"


def caption(scene: Scene, language: str = ENGLISH, rng: random.Random | None = None) -> str:
    """The scene in words. Attributes that are None are left out; `rng` varies wording and order."""
    return _chinese(scene, rng) if language == CHINESE else _english(scene, rng)


def form_of(words: dict[str, Word], name: str | None, language: str, rng: random.Random | None) -> str:
    """The usual word for what is so called, or with `rng` any; '' for None."""
    if name is None:
        return ""
    forms = words[name].chinese if language == CHINESE else words[name].english
    return forms[0] if rng is None else rng.choice(forms)


def english_shape(size: str | None, colour: str | None, shape: str | None, rng: random.Random | None) -> str:
    """'a large red circle'; what is None is left out."""
    words = (
        form_of(SIZES, size, ENGLISH, rng),
        form_of(COLOURS, colour, ENGLISH, rng),
        form_of(SHAPES, shape, ENGLISH, rng) or "shape",
    )
    return with_article(" ".join(word for word in words if word))


def chinese_shape(size: str | None, colour: str | None, shape: str | None, rng: random.Random | None) -> str:
    """The same in Chinese, which has no article."""
    named = form_of(SIZES, size, CHINESE, rng) + form_of(COLOURS, colour, CHINESE, rng)
    return named + (form_of(SHAPES, shape, CHINESE, rng) or "图形")


def with_article(noun: str) -> str:
    """'a red circle', 'an orange circle'."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _english(scene: Scene, rng: random.Random | None) -> str:
    shape = english_shape(scene.size, scene.colour, scene.shape, rng)
    motion = form_of(MOTIONS, scene.motion, ENGLISH, rng)
    place = form_of(PLACES, scene.place, ENGLISH, rng)
    background = f"on {with_article(scene.background)} background" if scene.background else ""
    tail = [part for part in (place, background) if part]
    if rng is not None and rng.random() < 0.5:
        tail.reverse()
    return " ".join([shape, *([motion] if motion else []), *tail])


def _chinese(scene: Scene, rng: random.Random | None) -> str:
    noun = chinese_shape(scene.size, scene.colour, scene.shape, rng)
    place = form_of(PLACES, scene.place, CHINESE, rng)
    motion = form_of(MOTIONS, scene.motion, CHINESE, rng)
    background = form_of(COLOURS, scene.background, CHINESE, rng)
    form = 0 if rng is None else rng.randrange(2)
    if background and form == 0:
        return f"{background}背景上{place}的{noun}{motion}"
    there = f"{place}的" if place else ""
    return f"{there}{noun}{motion}" + (f"，{background}背景" if background else "")


def leave_out(scene: Scene, rng: random.Random) -> Scene:
    """The same scene with some of its attributes open, as people ask who do not care about them.

    Half of the time only place and size go, as in 'a red circle on a blue background'; else any may go.
    """
    if rng.random() < 0.5:
        both = replace(scene, place=None, size=None)
        return rng.choice([both, both, replace(scene, place=None), replace(scene, size=None)])
    return Scene(
        shape=_maybe(scene.shape, rng),
        colour=_maybe(scene.colour, rng),
        background=_maybe(scene.background, rng),
        place=_maybe(scene.place, rng),
        size=_maybe(scene.size, rng),
        motion=_maybe(scene.motion, rng),
    )


def _maybe(value: str | None, rng: random.Random) -> str | None:
    return value if rng.random() < 0.5 else None


def held_out_scenes(count: int, seed: int, *, clip: bool = False) -> list[tuple[Scene, str]]:
    """`count` scenes that training never saw, each with a caption, English and Chinese by turns."""
    rng = dice(f"held out {seed}")
    chosen = []
    for index in range(count):
        scene = random_scene(rng, clip=clip, held_out=True)
        chosen.append((scene, caption(scene, CHINESE if index % 2 else ENGLISH, rng)))
    return chosen
