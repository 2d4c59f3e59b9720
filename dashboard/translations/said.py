"""Texts that Python makes, in the language of the request; outside of one, in English."""

from typing import Any

from flask_babel import get_translations

from farm.sentences import Sentence


def gettext(message: str, **values: Any) -> str:
    """A message; gaps stand as `%(name)s`."""
    found: str = get_translations().gettext(message)
    return found % values if values else found


def ngettext(one: str, many: str, number: int, **values: Any) -> str:
    """A message about a number of things, which `%(num)s` stands for."""
    found: str = get_translations().ngettext(one, many, number)
    return found % {"num": number, **values}


def said(text: str) -> str:
    """A sentence in the language of the request; what is no sentence, such as a prompt, is left as it is."""
    if not isinstance(text, Sentence):
        return text
    values = {name: said(value) if isinstance(value, str) else value for name, value in text.values.items()}
    if isinstance(text.message, str):
        return gettext(text.message, **values)
    return ngettext(*text.message, text.number, **values)


def word(text: Any) -> str:
    """A word of the farm's own, such as a state or the title of a field, in the language of the request.

    Never for what people have typed: that may be the same word by chance.
    """
    return said(text) if isinstance(text, Sentence) else gettext(str(text)) if text else ""
