"""How renders really went: written at the settle, read and removed by the learning duty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from farm.tables import Observation

Row = dict[str, Any]


@dataclass(frozen=True)
class Observed:
    """One render as a worker measured it; all lengths of time are wall seconds of the worker's device.

    Only of a render that is done: a failed attempt says little about how long the next one takes.
    """

    device: str  # as the worker's heartbeat names it
    width: int  # as the model renders it, in pixels
    height: int
    frames: int
    forwards: int  # passes through the transformer that the render took part in
    guided: bool  # it had an unconditional half
    batch_size: int  # rows (renders) of its passes: their mean, rounded; 1: it rendered alone
    steady: bool  # all its passes had the same rows
    encode_seconds: float  # its share of the text encoding; 0: the embedding was there already
    pass_seconds: float  # mean seconds of one pass for all its rows together
    decode_seconds: float  # its share of the decode
    gpu_seconds: float  # what it was charged: Σ passes / rows, and its shares of encode and decode
    wall_seconds: float  # from its claim to its settle

    def row(self, *, render_id: str, pool: str, lane: str, at: float) -> Row:
        """The row of `observations`."""
        return vars(self) | {"render_id": render_id, "pool": pool, "lane": lane, "at": at}


def insert_observations(connection: Connection, rows: Sequence[Row]) -> None:
    """Keep what was measured until it is learnt: one statement for all rows (`Observed.row`)."""
    if rows:
        connection.execute(insert(Observation), list(rows))
