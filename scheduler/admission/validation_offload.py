"""A request against the models of the farm: read and checked aside, since it may ask for thousands of renders."""

from collections.abc import Callable, Iterator
from functools import partial
from math import prod

from farm.connections import Connections
from farm.params import JobRequest, Resolved, check_and_resolve
from farm.params.pictures import FindInput
from scheduler.uploads import finder, look_up


def check(
    connections: Connections, project_id: str, document: object, *, draw_seed: Callable[[], int]
) -> tuple[JobRequest, Resolved]:
    """A request from parsed JSON, with the renders that it asks for.

    Raises InvalidRequest or UnknownModel, as :func:`farm.params.check_and_resolve`; what the dashboard raises while
    too much is computed: Busy.
    """
    return check_row(
        connections,
        document,
        max_renders=connections.settings.max_renders_per_job,
        draw_seed=draw_seed,
        now=connections.clock(),
        find_input=finder(connections, project_id),
    )


def check_row(
    connections: Connections,
    document: object,
    *,
    max_renders: int,
    draw_seed: Callable[[], int],
    now: float | None,
    find_input: FindInput,
) -> tuple[JobRequest, Resolved]:
    """The same with a limit, a time and a way to uploads of the caller's own."""
    work = partial(
        check_and_resolve,
        document,
        connections.catalog,
        max_renders=max_renders,
        draw_seed=draw_seed,
        now=now,
        classes=connections.settings.class_shares,
        find_input=find_input,
    )
    if is_small(document):
        return work()
    look_up(find_input, document)
    return connections.cpu_work(work)


#: What is looked at in a few milliseconds: combinations, drawn seeds, values, characters.
_COMBINATIONS, _SEEDS, _VALUES, _CHARS = 8, 100, 100, 10_000


def is_small(document: object) -> bool:
    """Whether a request is looked at so quickly that it need not go aside. Stops counting as soon as it is not."""
    if not isinstance(document, dict):
        return True
    lists = prod(len(value) for value in document.values() if isinstance(value, list))
    count = document.get("seed_count")
    drawn = count if isinstance(count, int) else 1
    if lists > _COMBINATIONS or drawn > _SEEDS:
        return False
    chars = 0
    for number, text in enumerate(_texts(document)):
        chars += len(text)
        if number > _VALUES or chars > _CHARS:
            return False
    return True


def _texts(value: object) -> Iterator[str]:
    """All that a JSON value holds, as it counts: keys and texts, and nothing for each number."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield value if isinstance(value, str) else ""
