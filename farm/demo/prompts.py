"""From words that ask for a scene of the demo world to the scene: the way back from `farm.demo.captions`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from farm.demo.scenes import Scene
from farm.demo.vocabulary import COLOURS, MOTIONS, PLACES, SHAPES, SIZES, Word


class NoScene(ValueError):
    """The words ask for no scene of the demo world, or for several; the message says which."""


def scene_of(prompt: str) -> Scene:
    """The scene that a prompt asks for, in English or Chinese; what it leaves open is None. Raises NoScene.

    Words that the demo world does not know are passed over.
    """
    rest = " ".join(prompt.lower().split())
    rest, motion = _take(rest, MOTIONS, "motions")
    rest, background = _take(rest, _backgrounds(), "backgrounds")
    rest, place = _take(rest, PLACES, "places")
    rest, size = _take(rest, SIZES, "sizes")
    rest, shape = _take(rest, SHAPES, "shapes")
    rest, colour = _take(rest, COLOURS, "colours")
    if shape is None and colour is None and background is None:
        raise NoScene("its prompt asks for nothing that the demo models draw: a shape, a colour, a background")
    return Scene(shape=shape, colour=colour, background=background, place=place, size=size, motion=motion)


def _backgrounds() -> dict[str, Word]:
    return {
        name: Word(tuple(f"{form} background" for form in word.english), tuple(f"{form}背景" for form in word.chinese))
        for name, word in COLOURS.items()
    }


def _take(text: str, words: Mapping[str, Word], what: str) -> tuple[str, str | None]:
    """The text without the forms of these words, and which one they stand for. Raises NoScene for several.

    Longer forms first: 'in the top left' is not 'on the left', and '正方形' holds no other.
    """
    forms = sorted(
        ((form, name) for name, word in words.items() for form in (*word.english, *word.chinese)),
        key=lambda pair: -len(pair[0]),
    )
    found: dict[str, None] = {}
    for form, name in forms:
        pattern = rf"\b{re.escape(form)}s?\b" if form.isascii() else re.escape(form)
        text, count = re.subn(pattern, " ", text)
        if count:
            found[name] = None
    if len(found) > 1:
        raise NoScene(f"its prompt names several {what} ({', '.join(found)}); the checker looks for one")
    return text, next(iter(found), None)
