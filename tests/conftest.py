"""Fixtures that all tests may ask for live in the modules named here."""

pytest_plugins = ["tests.databases", "tests.servers"]
