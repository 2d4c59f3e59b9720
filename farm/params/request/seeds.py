"""Seeds as people send them: whole numbers of 64 bits, as ComfyUI's, also as text; -1 asks for one to be drawn.

Text, because JavaScript and whatever else keeps numbers as doubles rounds above 2^53.
"""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from farm.params.request.base import MAX_SEED

#: Instead of a seed: draw one.
DRAWN = -1
#: torch's generator on a CPU, which draws every noise here, is seeded with so many of the lower bits.
NOISE_BITS = 32
_TEXT = re.compile(r"-1|[0-9]{1,20}", re.ASCII)
SEED_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": DRAWN, "maximum": MAX_SEED},
        {"type": "string", "pattern": f"^({_TEXT.pattern})$"},
    ]
}


def as_sent(value: object) -> int | str:
    """A seed in the form in which it was sent. Raises PydanticCustomError for anything else."""
    if isinstance(value, str) and _TEXT.fullmatch(value):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise PydanticCustomError("seed_type", "must be a whole number, or its digits as a text")
    if not DRAWN <= number <= MAX_SEED:
        rule = f"must be between 0 and {MAX_SEED} (2^64 - 1), or {DRAWN} for one that the farm draws"
        raise PydanticCustomError("seed_range", rule)
    return value


#: A field of a request.
Seed = Annotated[int | str, PlainValidator(as_sent), WithJsonSchema(SEED_SCHEMA)]


def seed_number(sent: int | str, draw: Callable[[], int]) -> int:
    """The seed that was sent, or for -1 a drawn one."""
    number = int(sent)
    return draw() if number == DRAWN else number


def alike_in_noise(seeds: Sequence[int]) -> tuple[int, int] | None:
    """The first two different seeds that draw the same noise; None where each draws its own."""
    known: dict[int, int] = {}
    for seed in seeds:
        if (other := known.setdefault(seed % 2**NOISE_BITS, seed)) != seed:
            return other, seed
    return None
