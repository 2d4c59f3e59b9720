"""Rules for prompts: what no database stores, no tokenizer reads as meant, or no one can mean."""

import unicodedata

from farm.params.request.submission import shown
from farm.sentences import sentence

#: Line breaks and tabs are text; every other control character is not.
_ALLOWED_CONTROLS = "\t\n\r"
#: Characters that are about a token each: CJK, kana, hangul, full-width forms, emoji.
_WIDE_FROM = 0x2E80


def text_fault(text: str, max_chars: int, *, may_be_empty: bool = False) -> str | None:
    """What is wrong with a prompt, or None."""
    if fault := length_fault(len(text), max_chars):
        return fault
    # Printable text has none of what is looked for: most prompts are done at once.
    for place, character in enumerate("" if text.isprintable() else text):
        code = ord(character)
        if 0xD800 <= code <= 0xDFFF:
            return sentence(
                "holds half of a character (lone surrogate %(code)s) at %(place)s; send whole characters",
                code=f"U+{code:04X}", place=place,
            )  # fmt: skip
        if unicodedata.category(character) == "Cc" and character not in _ALLOWED_CONTROLS:
            if code == 0:
                return sentence("holds the NUL character at %(place)s; remove it", place=place)
            return sentence(
                "holds the control character %(code)s at %(place)s; remove it", code=f"U+{code:04X}", place=place
            )
    if not may_be_empty and not text.strip():
        return sentence("must not be empty; seen %(seen)s", seen=shown(text))
    return None


def length_fault(chars: int, max_chars: int) -> str | None:
    """What is wrong with a text of so many characters, or None."""
    if chars <= max_chars:
        return None
    return sentence("must be at most %(most)s characters long; seen %(seen)s", most=f"{max_chars:,}", seen=f"{chars:,}")


def tokens_at_most(text: str) -> int:
    """A careful guess of how many tokens a prompt has: one for each wide character, one for three others.

    Request validation has no tokenizer (it runs without torch and without weights), so it warns rather than refuses.
    """
    wide = 0 if text.isascii() else sum(ord(character) >= _WIDE_FROM for character in text)
    return wide + (len(text) - wide + 2) // 3 + 2
