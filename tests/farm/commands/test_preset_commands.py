"""`farm presets`: named by name, by id or by a part of it; what there is not is said in words."""

import json

import pytest

from tests.farm.commands.shell import Farm, environment, farm

__all__ = ["environment", "farm"]  # fixtures


def test_a_preset_is_shown_and_removed_by_name_by_id_and_by_a_part_of_it(farm: Farm) -> None:
    for name in ("by name", "by id", "by a part"):
        kept = json.loads(farm("presets", "save", name, "--field", "prompt=a red circle", "--json").stdout)
        typed = {"by name": name, "by id": kept["id"].upper(), "by a part": kept["id"][-8:]}[name]
        assert farm("presets", "show", typed).stdout == "prompt=a red circle\n"
        assert farm("presets", "remove", typed).exit_code == 0
    assert json.loads(farm("presets", "list", "--json").stdout) == []


@pytest.mark.parametrize("verb", ["show", "remove"])
@pytest.mark.parametrize("typed", ["poster", "海报", "01a229af-43ae-72a3-952d-11121ef096b8", "0a1b2c"])
def test_a_preset_that_there_is_not_is_refused_by_what_was_typed(farm: Farm, verb: str, typed: str) -> None:
    told = farm("presets", verb, typed)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "You have no preset" in told.stderr
    assert typed in told.stderr
