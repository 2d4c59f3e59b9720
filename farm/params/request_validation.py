"""Request validation: from parsed JSON to a request with its renders, or everything that is wrong with it."""

from collections.abc import Callable, Collection

from farm.catalog.loading import Catalog
from farm.did_you_mean import did_you_mean
from farm.errors import Fault, InvalidRequest, UnknownModel
from farm.params.pictures import FindInput, none_uploaded
from farm.params.request.job_request import CLASSES, JobRequest
from farm.params.request.submission import pointer, read_request, shown
from farm.params.resolve import Resolved, resolve


def check_request(
    document: object,
    catalog: Catalog,
    *,
    max_renders: int,
    now: float | None = None,
    classes: Collection[str] = CLASSES,
    find_input: FindInput = none_uploaded,
) -> JobRequest:
    """A request from parsed JSON, checked against its model too; `resolve` will not refuse it.

    Raises:
        InvalidRequest: every fault of type, form and model, in one answer.
        UnknownModel: if that is all that is wrong.
    """
    request, _ = check_and_resolve(
        document,
        catalog,
        max_renders=max_renders,
        draw_seed=lambda: 0,
        now=now,
        classes=classes,
        find_input=find_input,
    )
    return request


def check_and_resolve(
    document: object,
    catalog: Catalog,
    *,
    max_renders: int,
    draw_seed: Callable[[], int],
    now: float | None = None,
    classes: Collection[str] = CLASSES,
    find_input: FindInput = none_uploaded,
) -> tuple[JobRequest, Resolved]:
    """A request from parsed JSON with its renders, resolved once for the check and for what follows.

    `classes`: those that the farm's settings give a share.

    Raises:
        InvalidRequest, UnknownModel: as :func:`check_request`.
    """
    request, faults = read_request(document)
    resolved: Resolved | None = None
    if request is not None:
        if request.class_name not in classes:
            faults.append(_unknown_class(request.class_name, classes))
        try:
            entry = catalog.model(request.model)
            resolved = resolve(
                request, entry, max_renders=max_renders, draw_seed=draw_seed, now=now, find_input=find_input
            )
        except UnknownModel as unknown:
            if not faults:
                raise
            faults += unknown.faults
        except InvalidRequest as invalid:
            # A field that is wrong by its type was looked at as its default, which nobody asked for.
            wrong = {_top(fault) for fault in faults}
            faults += [fault for fault in invalid.faults if _top(fault) not in wrong or fault.field.count("/") > 1]
    elif isinstance(document, dict) and isinstance(name := document.get("model"), str):
        try:
            catalog.model(name)
        except UnknownModel as unknown:
            faults += unknown.faults
    if faults or request is None or resolved is None:
        raise InvalidRequest(faults)
    return request, resolved


def _unknown_class(seen: str, classes: Collection[str]) -> Fault:
    *others, last = (repr(name) for name in classes)
    known = f"{', '.join(others)} or {last}" if others else last
    return Fault(pointer("class"), f"must be {known}; seen {shown(seen)}; {did_you_mean(seen, classes)}")


def _top(fault: Fault) -> str:
    """The field of the body that a fault is in."""
    return fault.field.split("/")[1] if fault.field else ""
