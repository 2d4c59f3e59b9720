"""What the tests of faults share: a farm without processes, and pixels as an engine would leave them."""

from tests.scheduler.conftest import catalog, clock, connections, project, settings

__all__ = ["catalog", "clock", "connections", "project", "settings"]
