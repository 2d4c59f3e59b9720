"""Texts that Python makes, in the language of the request; outside of one, in English."""

from collections.abc import Mapping
from typing import Any

from babel.support import NullTranslations
from flask import g, has_app_context
from flask_babel import get_translations
from markupsafe import Markup

from farm.sentences import Sentence


def translations() -> NullTranslations:
    """The messages of the request, looked for once: a page asks some hundred times."""
    if not has_app_context():
        return NullTranslations()
    found: NullTranslations | None = g.get("translations")
    if found is None:
        found = g.translations = get_translations()
    return found


def gettext(message: str, **values: Any) -> str:
    """A message; gaps stand as `%(name)s`."""
    found: str = translations().gettext(message)
    return found % values if values else found


def ngettext(one: str, many: str, number: int, **values: Any) -> str:
    """A message about a number of things, which `%(num)s` stands for."""
    found: str = translations().ngettext(one, many, number)
    return found % {"num": number, **values}


def markup(message: str, **values: Any) -> Markup:
    """A message of a template, which may hold tags; what fills its gaps is escaped."""
    return _filled(translations().gettext(message), values)


def markup_of_number(one: str, many: str, number: int, **values: Any) -> Markup:
    """The same of a message about a number of things."""
    return _filled(translations().ngettext(one, many, number), {"num": number, **values})


def _filled(text: str, values: Mapping[str, Any]) -> Markup:
    # A message is trusted as the templates are: it comes from this package.
    return Markup(text) % values if "%" in text else Markup(text)  # noqa: S704


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
