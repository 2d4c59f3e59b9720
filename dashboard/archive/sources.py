"""What archives are made of: the outputs of a job, or those of the gallery."""

from dataclasses import dataclass
from functools import cached_property

from dashboard.reads.render_files.outputs import StoredOutput, list_outputs, outputs_of
from farm.connections import Connections
from farm.database import read

#: Renders without an output that are passed over at once.
_MOST_LOOKED_AT = 200


@dataclass(frozen=True)
class JobOutputs:
    """Of a job, in the order of its renders. A place is a render's index."""

    connections: Connections
    job_id: str
    query: str = "after"

    def behind(self, place: str, limit: int) -> list[StoredOutput]:
        """Of the renders with an index above this one."""
        with read(self.connections.engine) as connection:
            return list_outputs(connection, self.job_id, after=int(place), limit=limit)

    def place_of(self, output: StoredOutput) -> str:
        """The index of its render."""
        return str(output.render.index)


@dataclass(frozen=True)
class ChosenOutputs:
    """Of these renders, which are of one project, in this order. A place is a render's id; '': before all of them."""

    connections: Connections
    render_ids: list[str]
    query: str = "before"

    @cached_property
    def _places(self) -> dict[str, int]:
        return {render_id: place for place, render_id in enumerate(self.render_ids)}

    def behind(self, place: str, limit: int) -> list[StoredOutput]:
        """Of the next renders that keep one."""
        first, window = self._places[place] + 1 if place else 0, limit
        while some := self.render_ids[first : first + window]:
            with read(self.connections.engine) as connection:
                found = outputs_of(connection, some)
            if found:
                return found[:limit]
            first, window = first + len(some), min(2 * window, _MOST_LOOKED_AT)
        return []

    def place_of(self, output: StoredOutput) -> str:
        """The id of its render."""
        return output.render.id
