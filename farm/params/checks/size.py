"""Width and height: what a model can render, or render in a bin and cut."""

from farm.catalog.schema import ModelEntry
from farm.errors import Fault
from farm.params.checks.collector import Checked, Notice, Said, refused
from farm.params.checks.numbers import check_whole
from farm.params.request.submission import pointer
from farm.params.sizes import cropped_by, library_crop, nearest_multiples, rendered_shape


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
        seen = f"{wide}x{high} are {wide * high:,} pixels and {entry.name} renders at most {limits.max_pixels:,}"
        return refused((wide, high), "width", f"{seen}; {_offered(entry)}")
    return _check_cut(wide, high, entry)


def _multiple_faults(side: str, value: int, limits: tuple[int, int], entry: ModelEntry) -> Said:
    multiple = entry.size_multiple
    if not limits[0] <= value <= limits[1] or value % multiple == 0:
        return ()
    legal = " or ".join(map(str, nearest_multiples(value, multiple, *limits)))
    message = f"must be a multiple of {multiple} for {entry.name}; seen {value}, take {legal}"
    return (Fault(pointer(side), message),)


def _check_cut(width: int, height: int, entry: ModelEntry) -> Checked[tuple[int, int]]:
    """Whether a bin covers the size, and what is made of the bin."""
    size, rendered = (width, height), rendered_shape(entry, width, height)
    if (rendered.width, rendered.height) == size:
        return size, ()
    if not 0.25 <= height / width <= 4:
        message = f"{width}x{height} is longer than 4:1, which no size of {entry.name} covers"
        return refused(size, "width", message)
    told = (
        f"{width}x{height} is rendered at {rendered}, the nearest size {entry.name} knows, then "
        f"scaled and cropped to {width}x{height}"
    )
    if cropped_by(rendered, width, height) == "farm":
        left = "{}x{}".format(*library_crop(rendered, width, height))
        told += f" by the farm itself: diffusers' own crop would leave {left} of it"
    return size, (Notice("", told),)


def _offered(entry: ModelEntry) -> str:
    return "for example " + ", ".join(f"{width}x{height}" for width, height in entry.sizes[:6])
