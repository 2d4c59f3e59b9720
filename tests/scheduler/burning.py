"""A machine that fails while rows of renders go in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine

from scheduler import bulk


@contextmanager
def burning_at(engine: Engine, chunk: int) -> Iterator[None]:
    """The `chunk`-th statement that inserts renders (1: the first) has done its work when everything stops."""
    name = "_copy" if engine.dialect.name == "postgresql" else "_execute_many"
    insert_chunk, seen = getattr(bulk, name), []

    def fail(*args: Any) -> None:
        insert_chunk(*args)
        seen.append(args)
        if len(seen) == chunk:
            raise OSError("the machine is burning")

    with patch.object(bulk, name, fail):
        yield
