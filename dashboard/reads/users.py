"""Projects by name."""

from sqlalchemy import Connection, select

from farm.tables import Project


def find_project(connection: Connection, name: str) -> str | None:
    """The id of the project of this name, or None. One statement."""
    return connection.scalar(select(Project.id).where(Project.name == name))
