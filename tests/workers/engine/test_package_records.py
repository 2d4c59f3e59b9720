"""Records of what is installed are read once while a fork server imports, and anew by whoever asks later."""

import importlib.metadata

from workers.engine.package_records import records_read_once


def test_who_asks_inside_shares_one_answer_and_who_asks_later_has_one_of_his_own() -> None:
    with records_read_once():
        first = importlib.metadata.packages_distributions()
        assert importlib.metadata.packages_distributions() is first
    after = importlib.metadata.packages_distributions()
    assert after is not first
    assert after == first
    assert "torch" in after
