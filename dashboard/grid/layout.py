"""Which axis of a job runs across, which down, and which part of the grid is shown: all of it stands in the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from dashboard.grid.axes import PROMPT, SEED, Axis
from farm.errors import Fault, InvalidRequest
from farm.sentences import sentence

#: Of one page.
MOST_COLUMNS, MOST_CELLS = 50, 2_500
#: A browser lays out so many in one go without a stop that people feel.
CELLS_AT_ONCE = 400
#: Of one list to choose from.
MOST_CHOICES = 200


class Row(NamedTuple):
    """A row of cells: its places on the axes down and deep."""

    down: int
    deep: int


@dataclass(frozen=True)
class Layout:
    """The part of a grid that a page shows. `across` and its like: places on the axes, counted from 0."""

    x: Axis
    y: Axis | None
    z: Axis | None
    rest: Sequence[Axis]  # all others: one value of each is shown
    at: Mapping[str, int]  # which one
    columns: range
    rows: range  # of all rows, those of one place on z after those of another

    @property
    def all_rows(self) -> int:
        """How many rows the whole grid has."""
        return (self.y.count if self.y else 1) * (self.z.count if self.z else 1)

    @property
    def rows_at_once(self) -> int:
        """How many rows a page shows at first, and how many more each time until it shows all."""
        return max(1, CELLS_AT_ONCE // len(self.columns))

    def row(self, number: int) -> Row:
        """Where the row of this number lies."""
        deep, down = divmod(number, self.y.count if self.y else 1)
        return Row(down, deep)

    def groups(self) -> list[tuple[int, list[int]]]:
        """The numbers of the rows that are shown, by their place on z."""
        found: dict[int, list[int]] = {}
        for number in self.rows:
            found.setdefault(self.row(number).deep, []).append(number)
        return list(found.items())

    def choices(self, axis: Axis) -> list[int]:
        """Places on an axis that is not shown, among which a page offers to choose: the first, and the chosen one."""
        return sorted({*range(min(axis.count, MOST_CHOICES)), self.at[axis.name]})

    def index(self, row: Row, column: int) -> int:
        """Which render of the job stands there."""
        pinned = sum(self.at[axis.name] * axis.stride for axis in self.rest)
        down = row.down * self.y.stride if self.y else 0
        deep = row.deep * self.z.stride if self.z else 0
        return pinned + column * self.x.stride + down + deep

    def address(self, **changed: str | int | None) -> dict[str, Any]:
        """The arguments of the address of this view, with some of them `changed`."""
        shown: dict[str, Any] = {
            "view": "grid",
            "x": self.x.name,
            "y": self.y.name if self.y else "",
            "z": self.z.name if self.z else "",
            "at": [f"{axis.name}:{self.at[axis.name]}" for axis in self.rest],
            "row": self.rows.start or None,
            "column": self.columns.start or None,
        }
        return shown | changed

    def only(self, axis: Axis, place: int) -> dict[str, Any]:
        """The address of the view in which `axis` has this one value, and the others take its place."""
        others = [other for other in (self.x, self.y, self.z, *self.rest) if other and other is not axis]
        shown = [other for other in others if other not in self.rest][:2] or others[:1]
        pinned = [f"{other.name}:{self.at.get(other.name, 0)}" for other in others if other not in shown]
        names = [other.name for other in shown] + ["", ""]
        at = [*pinned, f"{axis.name}:{place}"]
        return self.address(x=names[0], y=names[1], z="", row=None, column=None) | {"at": at}


def layout(
    axes: Sequence[Axis],
    asked: MultiDict[str, str],
    *,
    most_columns: int = MOST_COLUMNS,
    most_cells: int = MOST_CELLS,
) -> Layout:
    """The view that an address asks for; what it does not say is chosen. Raises InvalidRequest.

    `asked`: `x`, `y` and `z` name axes ('' for none), `at=NAME:PLACE` the value of an axis that is none of them, `row`
    and `column` where the page begins.
    """
    at = _places(axes, asked.getlist("at"))
    wanted: list[Axis | None] = [_axis(axes, asked, place) for place in ("x", "y", "z")]
    given = [axis for axis in wanted if axis is not None]
    if len({axis.name for axis in given}) < len(given):
        raise InvalidRequest([Fault("/query/x", sentence("x, y and z must be different axes"))])
    if not any(place in asked for place in ("x", "y", "z")):
        wanted = [*[axis for axis in _by_preference(axes) if axis.name not in at][:3]]
    elif wanted[0] is None:
        unused = [axis for axis in _by_preference(axes) if axis not in given]
        wanted[0] = unused[0] if unused else None
    shown = [axis for axis in wanted if axis is not None] or [axes[0]]
    x, y, z = [*shown, None, None][:3]
    assert x is not None
    rest = [axis for axis in axes if axis not in shown]
    found = Layout(x, y, z, rest, {axis.name: at.get(axis.name, 0) for axis in rest}, range(0), range(0))
    across = range(_start(asked, "column", x.count), x.count)[:most_columns]
    down = range(_start(asked, "row", found.all_rows), found.all_rows)[: max(1, most_cells // len(across))]
    return Layout(x, y, z, rest, found.at, across, down)


def _by_preference(axes: Sequence[Axis]) -> list[Axis]:
    """What was swept first, then seeds, then prompts, which are long."""
    return sorted(axes, key=lambda axis: (axis.name == SEED) + 2 * (axis.name == PROMPT))


def _axis(axes: Sequence[Axis], asked: MultiDict[str, str], place: str) -> Axis | None:
    name = asked.get(place, "")
    if not name:
        return None
    return _named(axes, name, place)


def _named(axes: Sequence[Axis], name: str, place: str) -> Axis:
    for axis in axes:
        if axis.name == name:
            return axis
    known = ", ".join(axis.name for axis in axes)
    told = sentence("%(name)s is no axis of this job; they are %(known)s", name=repr(name[:80]), known=known)
    raise InvalidRequest([Fault(f"/query/{place}", told)])


def _places(axes: Sequence[Axis], pins: Sequence[str]) -> dict[str, int]:
    found = {}
    for pin in pins:
        name, _, place = pin.rpartition(":")
        axis = _named(axes, name, "at")
        found[axis.name] = _number("at", place, axis.count)
    return found


def _start(asked: MultiDict[str, str], name: str, count: int) -> int:
    return _number(name, asked.get(name, "0"), count)


def _number(name: str, text: str, count: int) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) < count:
        return int(text)
    told = sentence("must be 0 to %(most)s; seen %(seen)s", most=count - 1, seen=repr(text[:40]))
    raise InvalidRequest([Fault(f"/query/{name}", told)])
