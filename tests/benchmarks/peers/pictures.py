"""The pictures that are asked for: the same for every system."""

import itertools
import random
from typing import TypedDict


class Picture(TypedDict):
    """One picture as all systems are asked for it. `id` is its place in all books and its name in the bucket."""

    id: str
    prompt: str
    seed: int
    width: int
    height: int
    steps: int
    guidance: float
    sampler: str


_COLOURS = ("red", "green", "blue", "yellow", "white", "black", "orange", "purple")
_SHAPES = ("circle", "square", "triangle", "star")
_SAMPLERS = ("dpm++-2m", "euler")
_PLACES = ("in the centre", "at the top left", "at the top right", "at the bottom left", "at the bottom right")
_numbers = itertools.count()


def equal(count: int) -> list[Picture]:
    """Pictures of one shape, one number of steps and one guidance and one seed, each with a prompt of its own."""
    first = next(_numbers)
    return [
        Picture(
            id=f"equal-{first}-{place}", prompt=prompt, seed=7, width=128, height=128, steps=8, guidance=4.5,
            sampler="dpm++-2m",
        )
        for place, prompt in enumerate(_prompts(count))
    ]  # fmt: skip


def mixed(count: int) -> list[Picture]:
    """Three shapes × three numbers of steps × guidance on or off × two samplers, in random order."""
    first = next(_numbers)
    kinds = list(itertools.product(((128, 128), (160, 128), (128, 192)), (6, 8, 12), (1.0, 4.5), _SAMPLERS))
    order = list(itertools.islice(itertools.cycle(kinds), count))
    random.Random(2).shuffle(order)
    return [
        Picture(
            id=f"mixed-{first}-{place}", prompt=prompt, seed=place, width=size[0], height=size[1], steps=steps,
            guidance=guidance, sampler=sampler,
        )
        for place, (prompt, (size, steps, guidance, sampler)) in enumerate(zip(_prompts(count), order, strict=True))
    ]  # fmt: skip


def _prompts(count: int) -> list[str]:
    dice = random.Random(count)
    return [
        f"a {dice.choice(('small', 'large'))} {dice.choice(_COLOURS)} {dice.choice(_SHAPES)} {dice.choice(_PLACES)} "
        f"on a {dice.choice(_COLOURS)} background"
        for _ in range(count)
    ]
