"""Streams of rows for tests: made, sent as the API sends them, and what they became."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.tables import Job, Render
from scheduler.intake.open_stream import Position, open_intake
from scheduler.intake.read_stream import Taken, take_in

DEFAULTS = {"model": "sana-demo", "class": "bulk"}


def jsonl(rows: int, **fields: Any) -> bytes:
    return b"".join(json.dumps({"prompt": f"plate {row}", **fields}).encode() + b"\n" for row in range(rows))


def pieces(data: bytes, size: int = 1_000) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def begin(connections: Connections, project: str, key: str = "k", form: str = "jsonl", **defaults: Any) -> Position:
    return open_intake(connections, project_id=project, user_id=None, defaults=DEFAULTS | defaults, form=form, key=key)[
        0
    ]


def send(connections: Connections, project: str, data: bytes, form: str = "jsonl", **options: Any) -> Taken:
    """The whole request as the API makes it of one body."""
    position = begin(connections, project, form=form, **options.pop("defaults", {}))
    return take_in(connections, position, pieces(data), **options)


def renders(connections: Connections) -> Sequence[Any]:
    with read(connections.engine) as connection:
        return connection.execute(select(Render.__table__).order_by(Render.index)).mappings().all()


def prompts(connections: Connections) -> list[str]:
    return [render["parameters"]["prompt"] for render in renders(connections)]


def job(connections: Connections) -> Any:
    with read(connections.engine) as connection:
        return connection.execute(select(Job.__table__)).one()
