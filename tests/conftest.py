"""Fixtures that all tests may ask for live in the modules named here."""

import pytest

pytest_plugins = ["tests.databases", "tests.servers"]


@pytest.hookimpl(tryfirst=True)  # before the marks are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several test processes, a file stays in one, and all that share the running farm stay together."""
    for item in items:
        shares_farm = "farm" in getattr(item, "fixturenames", ()) and "end_to_end" in item.nodeid
        item.add_marker(pytest.mark.xdist_group("the running farm" if shares_farm else item.path.stem))
