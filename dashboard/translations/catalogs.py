"""The catalogs of messages: a folder with a `messages.po` for each language, beside this file.

They are read as they are. A `.mo` beside them would be a product of a build that can be older than its source; to read
one of some hundred messages takes a process some ten milliseconds, once, and none where all people read English.
"""

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask_babel import Domain, get_locale

FOLDER = Path(__file__).parent
#: The language of the messages in the code.
SOURCE = Locale("en")
#: So many numbers show every category of plurals of a language.
_SAMPLES = 201


@cache
def locales() -> Mapping[str, Locale]:
    """The languages that the pages speak, by their tags (BCP 47): 'en', 'zh-Hans'. English stands first."""
    names = sorted(path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/messages.po"))
    return {name.replace("_", "-"): Locale.parse(name) for name in (str(SOURCE), *names)}


@cache
def translations(name: str) -> NullTranslations:
    """The messages of a locale; those of English, and of a locale without a catalog, are their own translations."""
    file = FOLDER / name / "LC_MESSAGES" / "messages.po"
    if not file.is_file():
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), locale=name))
    compiled.seek(0)
    return Translations(compiled)


@cache
def script_messages(name: str) -> Mapping[str, str | Mapping[str, str]]:
    """The messages that scripts use, for `static/messages.js`; empty for English.

    One with a number has a text for each category of plurals that the browser's Intl.PluralRules tells apart.
    """
    file = FOLDER / name / "LC_MESSAGES" / "messages.po"
    if not file.is_file():
        return {}
    locale = Locale.parse(name)
    catalog = read_po(io.BytesIO(file.read_bytes()), locale=name)
    found: dict[str, str | Mapping[str, str]] = {}
    for message in catalog:
        if not any(path.endswith(".js") for path, _ in message.locations):
            continue
        if isinstance(message.id, str):
            found[message.id] = str(message.string)
        else:
            plural = translations(name).plural
            places = {locale.plural_form(number): plural(number) for number in range(_SAMPLES)}
            texts = tuple(message.string or ())
            found[message.id[0]] = {category: texts[place] for category, place in places.items()}
    return found


class Catalogs(Domain):  # type: ignore[misc]  # flask-babel ships no types
    """Flask-Babel's messages, from these catalogs."""

    def get_translations(self) -> NullTranslations:
        """Those of the request; outside of one, English."""
        locale = get_locale()
        return translations(str(locale)) if locale is not None else NullTranslations()
