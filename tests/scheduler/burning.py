"""A machine that fails while rows of renders go in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from scheduler.admission import bulk_insert


@contextmanager
def burning_at(chunk: int) -> Iterator[None]:
    """The `chunk`-th thousand of renders (1: the first) goes in when everything stops."""
    make_values, seen = bulk_insert._values, []
    first_part = (chunk - 1) * bulk_insert.CHUNK // bulk_insert.PART + 1

    def fail(*args: Any) -> Any:
        seen.append(args)
        if len(seen) == first_part:
            raise OSError("the machine is burning")
        return make_values(*args)

    with patch.object(bulk_insert, "_values", fail):
        yield
