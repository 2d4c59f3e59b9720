"""What stands over the columns of a grid and before its rows; seeds that the farm drew are read from the renders."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from dashboard.grid.axes import SEED, Axis
from dashboard.grid.layout import Layout
from dashboard.reads.render_files.cells import list_seeds


@dataclass(frozen=True)
class Labels:
    """Gives the label of a place on an axis. `seeds`: drawn ones, by place."""

    seeds: Mapping[int, str]

    def __call__(self, axis: Axis, place: int) -> str:
        return axis.labels[place] if axis.labels else self.seeds.get(place, f"{place + 1}.")


def read_labels(connection: Connection, job_id: str, shown: Layout) -> Labels:
    """Those of the places that a view shows; in one statement where seeds were drawn, else in none."""
    rows = [shown.row(number) for number in shown.rows]
    places = [
        (shown.x, list(shown.columns)),
        (shown.y, sorted({row.down for row in rows})),
        (shown.z, sorted({row.deep for row in rows})),
        *((axis, shown.choices(axis)) for axis in shown.rest),
    ]
    for axis, wanted in places:
        if axis is not None and axis.name == SEED and not axis.labels:
            return Labels(list_seeds(connection, job_id, wanted))  # they vary the fastest: the first have these indexes
    return Labels({})
