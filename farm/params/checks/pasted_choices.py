"""`{red|blue}` as people write it, on the page Submit and on the command line: one by chance, which is a wildcard.

The API takes a prompt as it is: a program's text, JSON say, is never to be read as something else.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from farm.params.checks.pasted_syntax import CHOICE

_CHOICE = re.compile(CHOICE)
#: Of other tools, in a choice: how likely a text is, and several at once. Here each is as likely, and one is taken.
_UNKNOWN = re.compile(r"::|\$\$")
#: A brace, or what is escaped.
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def take_choices(prompts: Sequence[str], taken: Collection[str] = ()) -> tuple[list[str], dict[str, list[str]]]:
    """The prompts with a gap for each choice, and the wildcards that fill them; the same choice is the same wildcard.

    `taken`: names of wildcards that there are already. What means more than one of these by chance stays text, and so
    does what stands in other braces (half of it taken would be another prompt than anybody wrote) or is escaped.
    """
    names: dict[tuple[str, ...], str] = {}
    free = (name for number in range(1, 10**6) if (name := f"choice{number}") not in taken)

    def named(found: str) -> str:
        if not _CHOICE.fullmatch(found) or _UNKNOWN.search(found):
            return found
        texts = tuple(text.strip() for text in found[1:-1].split("|"))
        if texts not in names:
            names[texts] = next(free)
        return f"__{names[texts]}__"

    gapped = ["".join(named(part) for part in _parts(prompt)) for prompt in prompts]
    return gapped, {name: list(texts) for texts, name in names.items()}


def _parts(prompt: str) -> Iterator[str]:
    """The prompt, cut before and after each pair of braces that stands in no other pair."""
    open_at: list[int] = []
    pairs: list[tuple[int, int]] = []
    for brace in _BRACE.finditer(prompt):
        if brace[0] == "{":
            open_at.append(brace.start())
        elif brace[0] == "}" and open_at:
            start = open_at.pop()
            while pairs and pairs[-1][0] > start:
                pairs.pop()
            pairs.append((start, brace.end()))
    done = 0
    for start, end in pairs:
        yield prompt[done:start]
        yield prompt[start:end]
        done = end
    yield prompt[done:]
