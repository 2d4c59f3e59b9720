"""Numbers as they are typed into forms."""

from collections.abc import Callable


def number(text: str, kind: Callable[[str], int | float]) -> int | float | str:
    """What was typed as a number of this kind; as it stands if it is none."""
    if len(text) <= 40 and text.isascii():
        try:
            return kind(text)
        except ValueError:
            pass
    return text
