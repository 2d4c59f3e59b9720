"""Batches that stay as they began: how many renders may share a batch with one, before it has failed.

Any number, or none beside it, or those that were claimed together, which is a sealed batch.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, case, null

from farm.tables import Render

#: A limit that no batch reaches. A render that has any limit is claimed with others of its flow that have the same, and
#: nobody joins it later: its batch is sealed.
SEALED = 1000


def initial_batch_limit(parameters: Mapping[str, Any]) -> int | None:
    """`renders.batch_limit` of a render with these parameters; None: any number, also of those that join later.

    A deterministic one is alone. A step cache (`fast`) decides for all rows of a pass, so its batch stays as it began.
    """
    if parameters.get("deterministic"):
        return 1
    return SEALED if parameters.get("speed") == "fast" else None


def is_initial(batch_limit: int | None) -> bool:
    """Whether a limit is none, or that of a sealed batch: not one that a failure has set, nor that of a lone render."""
    return batch_limit is None or batch_limit == SEALED


def initial_batch_limit_of_row() -> ColumnElement[int | None]:
    """The same in SQL, of the row of a render."""
    return case(
        (Render.parameters["deterministic"].as_boolean(), 1),
        (Render.parameters["speed"].as_string() == "fast", SEALED),
        else_=null(),
    )
