"""Width and height: what a model can render, or render in a bin and cut."""

from farm.catalog.schema import ModelEntry
from farm.errors import Fault
from farm.params.checks.collector import Checked, Notice, Said, refused
from farm.params.checks.numbers import check_whole
from farm.params.request.submission import pointer
from farm.params.sizes import cropped_by, library_crop, nearest_multiples, rendered_shape
from farm.sentences import sentence


def check_size(width: int | None, height: int | None, entry: ModelEntry) -> Checked[tuple[int, int]]:
    """Both sides as asked, or as the model has them."""
    limits = entry.limits
    wide, wrong_width = check_whole("width", width, entry, *limits.width)
    high, wrong_height = check_whole("height", height, entry, *limits.height)
    said = wrong_width + wrong_height
    if entry.bins is None:
        said += _multiple_faults("width", wide, limits.width, entry)
        said += _multiple_faults("height", high, limits.height, entry)
    if said:
        return (wide, high), said
    if wide * high > limits.max_pixels:
        told = sentence(
            "%(size)s are %(pixels)s pixels and %(model)s renders at most %(most)s; for example %(sizes)s",
            size=f"{wide}x{high}", pixels=f"{wide * high:,}", model=entry.name, most=f"{limits.max_pixels:,}",
            sizes=_offered(entry),
        )  # fmt: skip
        return refused((wide, high), "width", told)
    return _check_cut(wide, high, entry)


def _multiple_faults(side: str, value: int, limits: tuple[int, int], entry: ModelEntry) -> Said:
    multiple = entry.size_multiple
    if not limits[0] <= value <= limits[1] or value % multiple == 0:
        return ()
    nearest = nearest_multiples(value, multiple, *limits)
    legal = sentence("%(one)s or %(other)s", one=nearest[0], other=nearest[-1]) if len(nearest) > 1 else str(nearest[0])
    message = sentence(
        "must be a multiple of %(multiple)s for %(model)s; seen %(seen)s, take %(legal)s",
        multiple=multiple, model=entry.name, seen=value, legal=legal,
    )  # fmt: skip
    return (Fault(pointer(side), message),)


def _check_cut(width: int, height: int, entry: ModelEntry) -> Checked[tuple[int, int]]:
    """Whether a bin covers the size, and what is made of the bin."""
    size, rendered = (width, height), rendered_shape(entry, width, height)
    if (rendered.width, rendered.height) == size:
        return size, ()
    if not 0.25 <= height / width <= 4:
        message = sentence(
            "%(size)s is longer than 4:1, which no size of %(model)s covers", size=f"{width}x{height}", model=entry.name
        )
        return refused(size, "width", message)
    told = sentence(
        "%(size)s is rendered at %(rendered)s, the nearest size %(model)s knows, then scaled and cropped to %(size)s",
        size=f"{width}x{height}", rendered=str(rendered), model=entry.name,
    )  # fmt: skip
    if cropped_by(rendered, width, height) == "farm":
        left = "{}x{}".format(*library_crop(rendered, width, height))
        told = sentence(
            "%(what)s by the farm itself: diffusers' own crop would leave %(left)s of it", what=told, left=left
        )
    return size, (Notice("", told),)


def _offered(entry: ModelEntry) -> str:
    return ", ".join(f"{width}x{height}" for width, height in entry.sizes[:6])
