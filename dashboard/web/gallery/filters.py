"""The filters of the gallery as they stand in its address: what they mean, and what is wrong with them."""

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from dashboard.reads.gallery.listing import GalleryFilter
from dashboard.reads.ids import known_form
from dashboard.reads.known_names import gallery_name_faults
from dashboard.web.words import filter_name
from farm.connections import Connections
from farm.errors import FarmError, NotFound
from farm.sentences import Sentence, sentence
from farm.verification.second_renders import SecondRenders
from scheduler.gallery.boards import find_board
from scheduler.gallery.marks import BEST_RATING, normal_tag

#: In the order of the form; the others are behind 'More filters'.
NAMES = ("text", "favourite", "rating", "board", "tag", "model", "size", "sampler", "lora", "user", "scorer", "score",
         "since", "until", "deleted", "verifications")  # fmt: skip
_FIRST = frozenset({"text", "favourite", "rating", "board", "tag"})
#: What a filter without its name is, of those that name something.
_LEFT_OUT: dict[str, dict[str, Any]] = {
    "model": {"models": ()},
    "user": {"user": None},
    "sampler": {"sampler": None},
    "scorer": {"scorer": None, "least_score": None},
}
_LONGEST = 300
_LARGEST = 100_000  # pixels


@dataclass
class TypedFilters:
    """What was typed, what it means, and what of it means nothing."""

    values: dict[str, str] = field(default_factory=dict)
    faults: list[Sentence] = field(default_factory=list)
    chosen: GalleryFilter = field(default_factory=GalleryFilter)

    @property
    def query(self) -> str:
        """The filters as they stand in an address, without the page."""
        return urlencode(self.values)

    def without(self, name: str) -> str:
        """The same without one of them."""
        return urlencode({other: value for other, value in self.values.items() if other != name})

    @property
    def more(self) -> bool:
        """Whether one is given that the form folds away."""
        return any(name not in _FIRST for name in self.values)


def read_filters(args: MultiDict[str, str]) -> TypedFilters:
    """Read an address. What cannot be is told and left out."""
    typed = TypedFilters({name: args[name].strip()[:_LONGEST] for name in NAMES if args.get(name, "").strip()})
    # No database stores control characters, and PostgreSQL refuses NUL.
    typed.values = {name: value for name, value in typed.values.items() if value.isprintable()}
    value = typed.values.get
    width, height = _size(typed)
    typed.chosen = GalleryFilter(
        text=value("text"),
        models=(value("model", ""),) if value("model") else (),
        width=width,
        height=height,
        sampler=value("sampler"),
        lora=value("lora"),
        tags=tuple(normal_tag(tag) for tag in value("tag", "").split(",") if tag.strip()),
        rating=_rating(typed),
        favourite="favourite" in typed.values,
        user=value("user"),
        scorer=value("scorer"),
        least_score=_least_score(typed),
        board=_board(typed),
        finished_after=_day(typed, "since"),
        finished_before=_day(typed, "until", days=1),
        deleted="deleted" in typed.values,
        verifications=_verifications(typed),
    )
    return typed


def leave_out_unknown(typed: TypedFilters, connections: Connections, connection: Connection, project_id: str) -> None:
    """Tell what names nothing, which the API refuses, and leave it out, as what means nothing."""
    for fault in gallery_name_faults(connections, connection, project_id, typed.chosen):
        name = fault.field.rpartition("/")[2]
        typed.faults.append(sentence("%(field)s: %(fault)s", field=filter_name(name), fault=fault.message))
        typed.chosen = replace(typed.chosen, **_LEFT_OUT[name])
    if typed.chosen.board is not None:
        try:
            find_board(connection, project_id, typed.chosen.board)
        except NotFound:
            typed.faults.append(_no_board())
            typed.chosen = replace(typed.chosen, board=None)


def _size(typed: TypedFilters) -> tuple[int | None, int | None]:
    if (text := typed.values.get("size")) is None:
        return None, None
    width, _, height = text.lower().replace("×", "x").replace(" ", "").partition("x")
    if width.isdecimal() and height.isdecimal() and max(int(width[:9]), int(height[:9])) <= _LARGEST:
        return int(width), int(height)
    typed.faults.append(sentence("Size must be like 512x512; seen %(seen)s.", seen=text[:40]))
    return None, None


def _rating(typed: TypedFilters) -> int | None:
    text = typed.values.get("rating")
    if text is None or text in [str(stars) for stars in range(1, BEST_RATING + 1)]:
        return None if text is None else int(text)
    typed.faults.append(sentence("Rating must be 1 to %(best)s; seen %(seen)s.", best=BEST_RATING, seen=text[:40]))
    return None


def _least_score(typed: TypedFilters) -> float | None:
    if (text := typed.values.get("score")) is None:
        return None
    if "scorer" not in typed.values:
        typed.faults.append(sentence("A least score needs a scorer: choose one."))
        return None
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if math.isfinite(score):
        return score
    typed.faults.append(sentence("Score must be a number; seen %(seen)s.", seen=text[:40]))
    return None


def _verifications(typed: TypedFilters) -> SecondRenders:
    text = typed.values.get("verifications", SecondRenders.WITHOUT)
    if text in [wanted.value for wanted in SecondRenders]:
        return SecondRenders(text)
    typed.faults.append(sentence("Second renders can be with, or only; seen %(seen)s.", seen=text[:40]))
    return SecondRenders.WITHOUT


def _board(typed: TypedFilters) -> str | None:
    if (text := typed.values.get("board")) is None:
        return None
    try:
        return known_form("board", text)
    except FarmError:
        typed.faults.append(_no_board())
        return None


def _no_board() -> Sentence:
    return sentence("There is no such board.")


def _day(typed: TypedFilters, name: str, days: int = 0) -> float | None:
    """The beginning of a day in UTC, or of one after it."""
    if (text := typed.values.get(name)) is None:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return (day + timedelta(days=days)).timestamp()
    except (ValueError, OverflowError):
        since = sentence("Since must be a day such as 2026-01-31; seen %(seen)s.", seen=text[:40])
        until = sentence("Until must be a day such as 2026-01-31; seen %(seen)s.", seen=text[:40])
        typed.faults.append(since if name == "since" else until)
        return None
