"""Folders of models as they were when somebody loaded them first, in SQL, so that all workers agree on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from farm.catalog.source import LockedFile
from farm.tables import ModelFolder
from scheduler.dialects import insert_or_ignore


@dataclass(frozen=True)
class KnownFolder:
    """The files of a folder, whose copy it was, and since when it is known; `at` in seconds since 1970."""

    files: list[LockedFile]
    host: str
    at: float


def read_folder(connection: Connection, folder: str) -> KnownFolder | None:
    """What is known of a folder. By primary key."""
    row = connection.execute(select(*ModelFolder.__table__.c).where(ModelFolder.folder == folder)).one_or_none()
    if row is None:
        return None
    return KnownFolder([LockedFile.model_validate(file) for file in row.files["files"]], row.host, row.at)


def keep_folder(
    connection: Connection, folder: str, files: Sequence[LockedFile], *, model: str, host: str, now: float
) -> None:
    """Remember a folder that nothing is known of; whoever came first is right."""
    connection.execute(insert_or_ignore(connection, ModelFolder).values(_row(folder, files, model, host, now)))


def replace_folder(
    connection: Connection, folder: str, files: Sequence[LockedFile], *, model: str, host: str, now: float
) -> None:
    """Remember a folder as it is now, whatever was known of it."""
    connection.execute(delete(ModelFolder).where(ModelFolder.folder == folder))
    connection.execute(insert(ModelFolder).values(_row(folder, files, model, host, now)))


def _row(folder: str, files: Sequence[LockedFile], model: str, host: str, now: float) -> dict[str, object]:
    described = {"files": [file.model_dump() for file in files]}
    return {"folder": folder, "files": described, "model": model, "host": host, "at": now}
