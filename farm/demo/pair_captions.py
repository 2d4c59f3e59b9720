"""From a pair of shapes to the words that ask for it, and fresh pairs that no training has seen."""

from __future__ import annotations

import random
from dataclasses import replace

from farm.demo.captions import CHINESE, ENGLISH, chinese_shape, english_shape, form_of, with_article
from farm.demo.pairs import Pair, Thing, random_pair
from farm.demo.random_source import dice
from farm.demo.vocabulary import COLOURS, RELATIONS


def pair_caption(pair: Pair, language: str = ENGLISH, rng: random.Random | None = None) -> str:
    """The pair in words. What is None is left out; `rng` varies wording and order."""
    if pair.relation is None:
        raise ValueError("This pair leaves the relation open; a caption needs it.")
    return _chinese(pair, pair.relation, rng) if language == CHINESE else _english(pair, pair.relation, rng)


def _english(pair: Pair, relation: str, rng: random.Random | None) -> str:
    first, second = (english_shape(thing.size, thing.colour, thing.shape, rng) for thing in (pair.first, pair.second))
    text = f"{first} {form_of(RELATIONS, relation, ENGLISH, rng)} {second}"
    if pair.background is None:
        return text
    ground = f"{with_article(pair.background)} background"
    if rng is not None and rng.random() < 0.3:
        return f"on {ground}, {text}"
    return f"{text} on {ground}"


def _chinese(pair: Pair, relation: str, rng: random.Random | None) -> str:
    first, second = (chinese_shape(thing.size, thing.colour, thing.shape, rng) for thing in (pair.first, pair.second))
    text = f"{first}在{second}的{form_of(RELATIONS, relation, CHINESE, rng)}"
    ground = form_of(COLOURS, pair.background, CHINESE, rng)
    if not ground:
        return text
    if rng is not None and rng.random() < 0.5:
        return f"{ground}背景上{text}"
    return f"{text}，{ground}背景"


def leave_out_of_pair(pair: Pair, rng: random.Random) -> Pair:
    """The same pair with some of it open: mostly only the background, now and then a colour or a shape too."""
    if rng.random() < 0.7:
        return replace(pair, background=None)

    def part(thing: Thing) -> Thing:
        which = rng.random()
        if which < 0.3:
            return replace(thing, colour=None)
        return replace(thing, shape=None) if which < 0.5 else thing

    background = pair.background if rng.random() < 0.5 else None
    return replace(pair, first=part(pair.first), second=part(pair.second), background=background)


def held_out_pairs(count: int, seed: int) -> list[tuple[Pair, str]]:
    """`count` pairs that training never saw, each with a caption, English and Chinese by turns."""
    rng = dice(f"held out pairs {seed}")
    chosen = []
    for index in range(count):
        pair = random_pair(rng, held_out=True)
        chosen.append((pair, pair_caption(pair, CHINESE if index % 2 else ENGLISH, rng)))
    return chosen
