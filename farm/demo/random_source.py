"""Chance that can be repeated: the one place of the demo world that makes random numbers."""

from __future__ import annotations

import random


def dice(seed: int | str) -> random.Random:
    """A generator that gives the same scenes, words and shades for the same seed, on every machine."""
    return random.Random(seed)  # noqa: S311 - it picks colours, never secrets
