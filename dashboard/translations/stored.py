"""Sentences that come as English text, stored or raised, in the language of the request.

The notices of a job and what an error says have lost what they were made of, so they are compared with the messages
themselves: a text that a message with its gaps fits is taken for one of it. What fits none is left as it is.
"""

import re
from collections.abc import Sequence
from functools import cache

from babel.messages.pofile import read_po
from babel.support import NullTranslations

from dashboard.translations.catalogs import FOLDER
from dashboard.translations.said import said, translations
from farm.sentences import Sentence, sentence

_GAP = re.compile(r"%\((\w+)\)s")
#: A message with fewer letters besides its gaps, such as '%(name)s: %(fault)s', fits too much.
_LEAST_LETTERS = 8
#: Where a notice stands that is about a field: '/width: …'.
_PLACE = re.compile(r"(/[\w/~]*: )(.+)", re.DOTALL)
#: Gaps whose values are words of the farm's own, such as 'done'.
_WORDS = ("status", "kind")
_BETWEEN_CLAUSES = re.compile(r"(: |, |; )")
#: What is stored is short; a longer text is not looked at.
_LONGEST = 2_000


def stored(text: str) -> str:
    """A stored text, or as much of it as is found: the whole, what follows its field, or each of its clauses."""
    whole = recognised(text)
    if isinstance(whole, Sentence) or _is_english() or len(text) > _LONGEST:
        return said(whole)
    placed = _PLACE.fullmatch(text)
    if placed is not None and (rest := _sentence(placed[2])) is not None:
        return placed[1] + said(rest)
    return "".join(said(_sentence(clause) or clause) for clause in _BETWEEN_CLAUSES.split(text))


def recognised(text: str) -> str:
    """A sentence for a text that is one; else the text. Where all is English nothing is looked at."""
    if isinstance(text, Sentence) or _is_english() or len(text) > _LONGEST:
        return text
    return _sentence(text) or text


def _is_english() -> bool:
    return type(translations()) is NullTranslations


def _sentence(text: str) -> Sentence | None:
    for pattern, message, number in _patterns():
        if (found := pattern.fullmatch(text)) is not None:
            values = {name: _value(name, value) for name, value in found.groupdict().items()}
            return Sentence(message, number, values)
    return None


def _value(name: str, text: str) -> str:
    return sentence(text) if name in _WORDS else _sentence(text) or text


@cache
def _patterns() -> Sequence[tuple[re.Pattern[str], str | tuple[str, str], int]]:
    """Every message as a pattern, with which form it is; the one with the most letters first."""
    file = next(FOLDER.glob("*/LC_MESSAGES/messages.po"))
    with file.open("rb") as opened:
        ids = [message.id for message in read_po(opened) if message.id]
    forms: list[tuple[str, str | tuple[str, str], int]] = []
    for message in ids:
        if isinstance(message, str):
            forms.append((message, message, 1))
        else:
            forms += [(message[0], (message[0], message[1]), 1), (message[1], (message[0], message[1]), 2)]
    least = [form for form in forms if len(_GAP.sub("", form[0])) >= _LEAST_LETTERS and "<" not in form[0]]
    longest_first = sorted(least, key=lambda form: -len(_GAP.sub("", form[0])))
    return [(_pattern(text), message, number) for text, message, number in longest_first]


def _pattern(text: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for place, part in enumerate(_GAP.split(text)):
        if place % 2 == 0:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>.+?)")
            seen.add(part)
    return re.compile("".join(parts), re.DOTALL)
