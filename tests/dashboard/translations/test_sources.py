"""No template and no script shows people a text that no catalog was asked for."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment

import dashboard
from tests.dashboard.translations.untranslated import in_template, words_of

WEB = Path(dashboard.__file__).parent / "web"
#: The page of the API's reference is another program's, in English.
ENGLISH = frozenset({"docs.html"})
TEMPLATES = sorted(page for page in (WEB / "templates").rglob("*.html") if page.name not in ENGLISH)
SCRIPTS = sorted((WEB / "static").rglob("*.js"))

_COMMENT = re.compile(r"^\s*//.*$|/\*.*?\*/|\s//\s.*$", re.MULTILINE | re.DOTALL)
_MESSAGE = re.compile(r"\bn?gettext\(\s*'(?:[^'\\]|\\.)*'(?:\s*,\s*'(?:[^'\\]|\\.)*')?")
_TEXT = re.compile(r"'((?:[^'\\\n]|\\.)*)'|\"((?:[^\"\\\n]|\\.)*)\"|`((?:[^`\\]|\\.)*)`")
#: Words for programs: names of keys, headers, media types.
_FOR_PROGRAMS = re.compile(
    r"Arrow\w+|Escape|Enter|Delete|Home|End|POST|GET|INPUT|Accept|X-Part|[\w+.-]+/[\w+.-]+(, ?[\w+.-]+/[\w+.-]+)*"
)
_SENTENCE = re.compile(r"^[A-Z][a-z]+|[a-z]{2,} [a-z]{2,}|\}\s*[a-z]{2,}\b(?![-/=?])")
_SELECTOR = re.compile(r"[#.\[>:]|^[a-z, ]+$")


@pytest.mark.parametrize(
    "template", [page for page in TEMPLATES if page.name not in ENGLISH], ids=lambda path: path.name
)
def test_all_that_people_read_of_a_template_is_translated(template: Path) -> None:
    environment = Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True, autoescape=True)
    assert in_template(environment, template.read_text()) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_all_that_people_read_of_a_script_is_translated(script: Path) -> None:
    assert _shown(script.read_text()) == []


def _shown(source: str) -> list[str]:
    """Texts of a script that read like something to be read, and are no message."""
    rest = _MESSAGE.sub("gettext(", _COMMENT.sub("", source))
    texts = ["".join(found.groups(default="")) for found in _TEXT.finditer(rest)]
    return [
        text
        for text in texts
        if not _FOR_PROGRAMS.fullmatch(text) and _SENTENCE.search(text) and words_of(text) and not _is_selector(text)
    ]


def _is_selector(text: str) -> bool:
    return bool(_SELECTOR.search(text)) and "${" not in text and not text[:1].isupper()


def test_what_is_not_translated_is_found() -> None:
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for source in (
        "<p>Hello</p>",
        "{{ _('Jobs') }} and more",
        "<input placeholder='Search here'>",
        "<a title='Key: {{ key }}'></a>",
        "{{ 'step' if one else 'steps' }}",
        "{% set span = 'Renders ' ~ first %}",
        "{% if x %}{% for y in z %}<b>{{ y }} of them</b>{% endfor %}{% endif %}",
    ):
        assert in_template(environment, source), source
    for source in ("<p>{{ _('Hello') }}</p>", "{% trans %}Jobs{% endtrans %}", "<code>farm up</code>", "{{ name }}"):
        assert not in_template(environment, source), source
    for source in ("x.textContent = 'Copied';", "say(`${count} chosen`);", "throw new Error('It does not answer.')"):
        assert _shown(source), source
    for source in ("x.textContent = gettext('Copied');", "form.querySelector('td, th')", "event.key === 'Escape'"):
        assert not _shown(source), source
