"""Fixtures that all tests may ask for live in the modules named here."""

import pytest

pytest_plugins = ["tests.databases", "tests.servers"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """With several test processes, a file stays in one, and all that share the running farm stay together."""
    shares_farm = "farm" in getattr(item, "fixturenames", ()) and "end_to_end" in item.nodeid
    item.add_marker(pytest.mark.xdist_group("the running farm" if shares_farm else item.path.stem))
