"""Which language a request gets: what its person has chosen, or else the first of its browser's that we speak."""

from collections.abc import Mapping
from functools import cache

from babel import Locale, UnknownLocaleError
from flask import Flask, Response, g, request
from flask_babel import Babel, get_locale

from dashboard.translations.catalogs import SOURCE, Catalogs, locales, script_messages
from dashboard.translations.said import markup, markup_of_number

#: The cookie that remembers what a person chose: a tag such as 'zh-Hans'.
COOKIE = "latent_farm_language"


def register(app: Flask) -> None:
    """Give the templates of `app` their languages, and tell caches what pages depend on."""
    babel = Babel(app, locale_selector=choose)
    babel.domain_instance = Catalogs()
    # In place of Flask-Babel's own, which look the request's language up again for each of a page's hundreds of texts.
    app.jinja_env.globals.update(_=markup, gettext=markup, ngettext=markup_of_number)
    app.jinja_env.policies["ext.i18n.trimmed"] = True  # a message is one line, however its template is broken
    app.jinja_env.globals.update(
        languages=_own_names,
        language=language,
        script_messages=lambda: script_messages(str(get_locale())),
    )
    app.after_request(_tell_caches)


def choose() -> str:
    """The name of the request's locale: 'en', 'zh_Hans'."""
    chosen = locales().get(request.cookies.get(COOKIE, ""))
    if chosen is not None:
        return str(chosen)
    for wanted, quality in request.accept_languages:
        if quality > 0 and (found := _spoken(wanted)) is not None:
            return str(found)
    return str(SOURCE)


def language() -> str:
    """The tag of the language that this request gets, as HTML and HTTP write it."""
    return str(get_locale() or SOURCE).replace("_", "-")


@cache
def _own_names() -> Mapping[str, str]:
    """What each language calls itself: 'English', '简体中文'."""
    return {tag: locale.languages.get(str(locale)) or str(locale.display_name) for tag, locale in locales().items()}


def _spoken(tag: str) -> Locale | None:
    """The locale for the language of this tag: 'zh-CN' and 'zh' find 'zh-Hans'; 'zh-TW' is written otherwise."""
    try:
        wanted = Locale.parse(tag[:40], sep="-")
    except (ValueError, UnknownLocaleError):
        return None
    for locale in locales().values():
        if locale.language == wanted.language and locale.script in (None, wanted.script or locale.script):
            return locale
    return None


def _tell_caches(response: Response) -> Response:
    """A page says which language it is in, and that another reader may get another one.

    Only of pages: pictures, the ways to them, scripts and the API's documents are the same for all.
    """
    if response.mimetype == "text/html" and "Location" not in response.headers:
        response.vary.update(("Accept-Language", "Cookie"))
        if "_flask_babel" in g:
            response.content_language.add(language())
    return response
