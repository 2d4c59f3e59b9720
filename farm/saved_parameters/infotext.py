"""The text that A1111 writes into its files, and others after it: prompt, negative prompt, and a line of parameters."""

import re
from dataclasses import dataclass, field

#: 'Steps: 20, Sampler: Euler, Lora hashes: "a: 1, b: 2"', as A1111's own reader takes it apart.
_PARAMETER = re.compile(r'\s*([\w ]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_NEGATIVE = "Negative prompt:"
#: So many of them make a line one of parameters and no prompt.
_LEAST = 3


@dataclass(frozen=True)
class Infotext:
    """What the text says; `parameters` by the names that A1111 gives them."""

    prompt: str
    negative_prompt: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read_infotext(text: str) -> Infotext | None:
    """The text taken apart; None where it is none."""
    *lines, last = text.strip().splitlines() or [""]
    parameters = {name.strip(): value.strip().strip('"') for name, value in _PARAMETER.findall(last)}
    if len(parameters) < _LEAST:
        return None
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        if line.startswith(_NEGATIVE):
            into, line = negative, line.removeprefix(_NEGATIVE)
        into.append(line.strip())
    return Infotext(" ".join(filter(None, prompt)), " ".join(filter(None, negative)), parameters)
