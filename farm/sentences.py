"""Sentences for people that a page can say in another language: English text that knows what it was made of.

A sentence is its English text wherever a `str` is asked for: in the API, in the log, on the command line. Pages look
its message up in their catalog and fill in the same values; what they have no translation for stays English.
"""

from collections.abc import Mapping
from typing import Any


class Sentence(str):
    """English text with the message that it was made of.

    `message`: with gaps such as `%(model)s`, or the forms for one and for many. `number`: which of both. `values`: what
    fills the gaps; a value may be a sentence too.
    """

    message: str | tuple[str, str]
    number: int
    values: Mapping[str, Any]

    def __new__(cls, message: str | tuple[str, str], number: int, values: Mapping[str, Any]) -> "Sentence":
        """The text of a message with its gaps filled."""
        chosen = message if isinstance(message, str) else message[number != 1]
        self = super().__new__(cls, chosen % values if values else chosen)
        self.message, self.number, self.values = message, number, values
        return self


def sentence(message: str, **values: Any) -> Sentence:
    """A sentence; gaps stand as `%(name)s`. `pybabel extract` finds its message by the name of this function."""
    return Sentence(message, 1, values)


def counted(one: str, many: str, number: int, **values: Any) -> Sentence:
    """A sentence about a number of things, which `%(count)s` stands for."""
    return Sentence((one, many), number, {"count": f"{number:,}", **values})
