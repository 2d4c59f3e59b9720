"""Every language has a translation of every message, and of no other."""

import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from dashboard.translations.catalogs import FOLDER, script_messages, translations

ROOT = FOLDER.parents[1]
LANGUAGES = sorted(file.parent.parent.name for file in FOLDER.glob("*/LC_MESSAGES/messages.po"))
#: What must stand in a translation as often as in the message: gaps, tags, and what is typed.
_KEPT = re.compile(r"%\(\w+\)s|</?\w[^>]*>")
UPDATE = "run `make translations`, then translate what is empty in"


def _file(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


@pytest.fixture(scope="module", params=LANGUAGES)
def catalog(request: pytest.FixtureRequest) -> Catalog:
    with _file(request.param).open("rb") as file:
        return read_po(file, locale=request.param)


def _forms(message: Message) -> list[tuple[str, str]]:
    """Each translation with the message that it is of."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    return [(message.id[-1], text) for text in message.string or ()]


@pytest.fixture(scope="module")
def in_code() -> set[str]:
    """The messages that the code and the templates ask for."""
    with (FOLDER / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = set()
    for pattern in {pattern.split("/")[0] for pattern, _ in methods}:
        for _, _, message, _, _ in extract_from_dir(
            ROOT, methods, options, directory_filter=lambda path, top=pattern: _is_below(path, top)
        ):
            found.add(message if isinstance(message, str) else message[0])
    return found


def _is_below(path: str, top: str) -> bool:
    return Path(path).relative_to(ROOT).parts[:1] in ((), (top,))


def test_there_is_a_catalog_of_simplified_chinese() -> None:
    assert "zh_Hans" in LANGUAGES


def test_every_message_of_the_code_is_in_the_catalog_and_no_other(catalog: Catalog, in_code: set[str]) -> None:
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in catalog if message.id}
    assert known == in_code, UPDATE


def test_every_message_is_translated_by_a_person(catalog: Catalog) -> None:
    for message in catalog:
        if message.id:
            assert not message.fuzzy, message.id
            assert all(text for _, text in _forms(message)), f"{UPDATE} the catalog: {message.id!r}"


def test_translations_keep_the_gaps_and_the_tags_of_their_messages(catalog: Catalog) -> None:
    for message in catalog:
        if message.id:
            for original, text in _forms(message):
                wanted, found = (Counter(_tags(one)) for one in (original, text))
                assert found == wanted, f"{original!r} → {text!r}"


def _tags(text: str) -> list[str]:
    return _KEPT.findall(text)


def test_plurals_have_as_many_forms_as_their_language(catalog: Catalog) -> None:
    assert len(catalog) > 500
    for message in catalog:
        if message.id and message.pluralizable:
            assert len(message.string or ()) == catalog.num_plurals, message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_scripts_get_their_messages_with_a_text_for_each_category_of_plurals(language: str) -> None:
    found = script_messages(language)
    assert found["Play"] == translations(language).gettext("Play") != "Play"
    chosen = found["%(num)s chosen"]
    assert isinstance(chosen, dict)
    assert "other" in chosen
    assert len(str(found).encode()) < 6_000, "scripts' messages stand on every page"
