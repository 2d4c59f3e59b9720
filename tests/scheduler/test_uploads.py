"""Uploaded pictures in the database: found by request validation, noted when they are used, not removed while they are
needed.
"""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from farm.connections import Connections
from farm.database import read
from farm.errors import Conflict, InvalidRequest, NotFound
from farm.storage import StoredFile
from scheduler.control.cancel import cancel_job
from scheduler.uploads import add_input, count_users, find_input, list_inputs, remove_input
from tests.scheduler.jobs import job_row, render_rows, submit_job


class Bucket:
    """What the database needs of the storage."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, data: Path, content_type: str, *, sha256: str) -> StoredFile:
        self.objects[key] = data.read_bytes()
        assert hashlib.sha256(self.objects[key]).hexdigest() == sha256
        return StoredFile(key, content_type, len(self.objects[key]), sha256)

    def delete(self, keys: list[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)


@pytest.fixture
def farm(connections: Connections) -> Connections:
    bucket: Any = Bucket()
    return replace(connections, storage=bucket)


def upload(farm: Connections, project: str, shade: int = 255) -> Any:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        Image.new("RGB", (64, 64), (shade, 0, 0)).save(file, "PNG")
        file.flush()
        return add_input(farm, project, "../folder\\scene\x00.png", Path(file.name))[0]


def sprint(farm: Connections, project: str, image: str) -> str:
    return submit_job(farm, project, 2, model="sprint-demo", image=image)


def test_a_picture_is_kept_under_a_plain_name_and_newest_first(farm: Connections, project: str) -> None:
    first, second = upload(farm, project), upload(farm, project, 1)
    with read(farm.engine) as connection:
        rows = list_inputs(connection, project, after=None, limit=5)
        assert [row.id for row in rows] == [second.id, first.id]
        assert [row.id for row in list_inputs(connection, project, after=second.id, limit=5)] == [first.id]
    assert (first.name, first.width, first.used_at) == ("scene.png", 64, None)


def test_what_a_render_that_has_not_ended_starts_from_stays(farm: Connections, project: str) -> None:
    row, other = upload(farm, project), upload(farm, project, 1)
    job = sprint(farm, project, row.id)

    [render, _] = render_rows(farm, job)
    assert render["parameters"]["image"] == {"id": row.id, "key": row.key, "sha256": row.sha256}
    with read(farm.engine) as connection:
        assert find_input(connection, project, row.id).used_at == farm.clock()
        assert (count_users(connection, row, project), count_users(connection, other, project)) == (2, 0)
    with pytest.raises(Conflict, match="2 renders"):
        remove_input(farm, project, row.id)
    cancel_job(farm, job, project)
    remove_input(farm, project, row.id)

    bucket: Any = farm.storage
    assert list(bucket.objects) == [other.key]
    with read(farm.engine) as connection, pytest.raises(NotFound):
        find_input(connection, project, row.id)
    with pytest.raises(InvalidRequest, match="no picture"):
        sprint(farm, project, row.id)


def test_one_picture_for_two_jobs_is_one_file(farm: Connections, project: str) -> None:
    first, again = upload(farm, project), upload(farm, project)
    assert first.id == again.id
    jobs = [sprint(farm, project, first.id) for _ in range(2)]
    assert {job_row(farm, job)["request"]["image"] for job in jobs} == {first.id}
