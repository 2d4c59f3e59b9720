"""Rules of the whole house that no single room can keep: what is there is documented, and the other way round."""

import re
from pathlib import Path

import pytest

from farm.catalog import load_catalog
from farm.catalog.pool import KubernetesScale, PoolEntry, Scaling
from farm.catalog.schema import Limits, ModelEntry
from farm.catalog.supported_features import known_families
from farm.commands.operator.config import MASK, _plain
from farm.errors import FarmError
from farm.params.families import FAMILIES
from farm.problems import every_error
from farm.settings import Settings, load_settings
from farm.settings_sources import CATALOG_OVERRIDE, OTHER_VARIABLES, PREFIX

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| `(FARM_\w+)` \| (?:`([^`]*)`|(\w[^|]*)) \|(.*)\|$", re.MULTILINE)


def test_every_setting_is_documented_with_its_default_and_nothing_else_is() -> None:
    text = (DOCS / "settings.md").read_text()
    settings_part, _, others = text.partition("## Variables that are no settings")
    rows = {name: (quoted or plain.strip(), about) for name, quoted, plain, about in ROW.findall(settings_part)}
    fields = type(load_settings(variables={})).model_fields
    assert list(rows) == [PREFIX + name.upper() for name in fields]
    for name, field in fields.items():
        shown, about = rows[PREFIX + name.upper()]
        assert ("**Secret**" in about) == (name in Settings.SECRETS), name
        default = field.default
        if name == "database_url":
            assert shown == "sqlite:///DATA_DIR/farm.sqlite3"
        elif default in (None, [], {}):
            assert shown == "none", name
        elif isinstance(default, list):
            assert shown == ",".join(default)
        elif isinstance(default, dict):
            assert shown == ",".join(f"{key}={item}" for key, item in default.items())
        else:
            assert shown == str(default), name
    documented = set(re.findall(r"^\| `(FARM_\w+)", others, re.MULTILINE))
    assert documented == {*OTHER_VARIABLES, CATALOG_OVERRIDE}


def test_every_secret_setting_is_typed_as_one_and_masked() -> None:
    for name, field in Settings.model_fields.items():
        assert (name in Settings.SECRETS) == ("SecretStr" in str(field.annotation)), name
    assert _plain("redis://:tiger@host/0") == f"redis://{MASK}@host/0"


def test_every_key_of_a_catalog_entry_is_documented() -> None:
    text = (DOCS / "catalog.md").read_text()
    documented = set(re.findall(r"`(\w+)`", text))
    for kind in (ModelEntry, PoolEntry, Limits, Scaling, KubernetesScale):
        missing = set(kind.model_fields) - {"name"} - documented
        assert not missing, kind


def test_every_shipped_model_is_documented() -> None:
    text = (DOCS / "catalog.md").read_text()
    shipped = text.partition("## Shipped models")[2]
    assert set(re.findall(r"`([a-z0-9-]+)`", shipped)) == set(load_catalog(load_settings(variables={}), {}).models)


def test_every_family_that_renders_has_request_validation() -> None:
    assert set(FAMILIES) == known_families()


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_problem_type_a_title_a_status_and_a_sentence(kind: type[FarmError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.type)
    assert "type" in vars(kind), f"{kind.__name__} has the problem type of its parent"
    assert kind.title
    assert 400 <= kind.status < 600
    assert kind.__doc__
    assert kind.__doc__.strip()[-1] in ".…", "the docstring is the message that people read"


def test_no_two_errors_share_a_problem_type() -> None:
    types = [kind.type for kind in every_error()]
    assert len(types) == len(set(types))
