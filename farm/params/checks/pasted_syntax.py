"""Syntax that people paste from other tools and that is text here: it is said so, never rendered in silence."""

import re
from collections.abc import Collection, Sequence

from farm.params.checks.collector import Checked, Notice
from farm.params.request.submission import shown
from farm.params.request.templates import Filled
from farm.sentences import sentence

#: '(word:1.3)': a weight. Ratios such as '(16:9)' and '(1:1)' are none: digits stand before their colon.
WEIGHT = r"\([^():]*[^():\d\s]\s*:\s*(?:\d?\.\d+|\d\.\d*|[0-2])\s*\)"
#: '<lora:name:0.8>', and what other tools write alike.
TAG = r"<(?:lora|lyco|hypernet):[^<>:]+(?::[^<>]*)?>"
#: '{red|blue}': one by chance.
CHOICE = r"\{[^{}|]*\|[^{}]*\}"
#: '__animals__', '__folder/animals__': a line of a file by chance.
WILDCARD = r"__[\w./-]+?__"
_PASTED = re.compile(f"(?P<weight>{WEIGHT})|(?P<tag>{TAG})|(?P<choice>{CHOICE})|(?P<wildcard>{WILDCARD})")
_MAYBE_PASTED = re.compile(r"[(<{]|__")  # most prompts hold none of these, and are looked at no further
_MEANINGS = {
    "weight": sentence("%(text)s is rendered as text: no model here knows weights in prompts"),
    "tag": sentence(
        "%(text)s is rendered as text: ask for adapters with `loras`, such as [{'name': %(name)s, 'weight': 0.8}]"
    ),
    "choice": sentence(
        "%(text)s is rendered as text: for one by chance write __name__ and list them in `wildcards`, for every one "
        "{name} and `variables`"
    ),
    "wildcard": sentence("%(text)s is rendered as text: nothing fills it; list what it may be in `wildcards`"),
}


def pasted_syntax(filled: Sequence[Filled], wildcards: Collection[str], most_chars: int) -> Checked[None]:
    """A notice for each kind of it in each prompt of the request. `wildcards`: names that are filled.

    Prompts of more than `most_chars` are refused anyway, and not looked at.
    """
    said: dict[tuple[str, str], Notice] = {}
    for prompt in filled:
        if len(prompt.text) > most_chars or _MAYBE_PASTED.search(prompt.text) is None:
            continue
        for found in _PASTED.finditer(prompt.text):
            kind, text = str(found.lastgroup), found.group()
            if (prompt.field, kind) in said or (kind == "wildcard" and text.strip("_") in wildcards):
                continue
            name = repr(text[1:-1].split(":")[1]) if kind == "tag" else ""
            message = sentence(_MEANINGS[kind], text=shown(text), name=name)
            said[prompt.field, kind] = Notice(prompt.field, message)
    return None, tuple(said.values())
