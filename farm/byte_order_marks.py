"""Byte order marks (U+FEFF): editors and spreadsheets put them before a text, and nobody means them as a part of it.

A mark has no width and no meaning inside a text (Unicode deprecates that use), but a tokenizer reads it: the same
prompt with one becomes another picture. So every text that comes in is freed of them, wherever in it they are, since
files that are joined have them in the middle.
"""

from typing import Any

MARK = "\ufeff"


def without_marks(value: Any) -> Any:
    """A JSON value with all byte order marks taken out of its texts and keys; what has none stays the same object."""
    if isinstance(value, str):
        return value.replace(MARK, "") if MARK in value else value
    if isinstance(value, list):
        return [without_marks(item) for item in value]
    if isinstance(value, dict):
        return {without_marks(key): without_marks(item) for key, item in value.items()}
    return value


def lines_with_words(text: str) -> list[str]:
    """The lines of a text that say something, without marks and without blanks at their ends."""
    return [line.strip() for line in without_marks(text).splitlines() if line.strip()]
