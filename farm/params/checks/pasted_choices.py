"""`{red|blue}` as people write it, on the page Submit and on the command line: one by chance, which is a wildcard.

The API takes a prompt as it is: a program's text, JSON say, is never to be read as something else.
"""

import re
from collections.abc import Collection, Sequence

from farm.params.checks.pasted_syntax import CHOICE

_CHOICE = re.compile(CHOICE)
#: Of other tools, in a choice: how likely a text is, and several at once. Here each is as likely, and one is taken.
_UNKNOWN = re.compile(r"::|\$\$")


def take_choices(prompts: Sequence[str], taken: Collection[str] = ()) -> tuple[list[str], dict[str, list[str]]]:
    """The prompts with a gap for each choice, and the wildcards that fill them; the same choice is the same wildcard.

    `taken`: names of wildcards that there are already. What means more than one of these by chance stays text.
    """
    names: dict[tuple[str, ...], str] = {}
    free = (name for number in range(1, 10**6) if (name := f"choice{number}") not in taken)

    def named(found: re.Match[str]) -> str:
        if _UNKNOWN.search(found[0]):
            return found[0]
        texts = tuple(text.strip() for text in found[0][1:-1].split("|"))
        if texts not in names:
            names[texts] = next(free)
        return f"__{names[texts]}__"

    gapped = [_CHOICE.sub(named, prompt) for prompt in prompts]
    return gapped, {name: list(texts) for texts, name in names.items()}
