"""The page of scores: how the figures of a job or of the gallery are spread, and its outputs in their order."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean, median
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from dashboard.api.post_scores import ask as ask_for
from dashboard.auth import principal
from dashboard.charts.svg import histogram, short
from dashboard.context import farm
from dashboard.reads.gallery.listing import LOOKED_AT, GalleryFilter
from dashboard.reads.gallery.scores import (
    ScoreQuery,
    count_scores,
    failed_reasons,
    list_scores,
    score_values,
    used_scorers,
)
from dashboard.reads.gallery.set_distances import set_distances_of, set_distances_of_gallery
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job
from dashboard.reads.known_names import unknown
from dashboard.reads.renders import renders_with_ids
from dashboard.web.artifacts import address
from dashboard.web.gallery.fid_command import fid_command
from dashboard.web.gallery.filters import TypedFilters, leave_out_unknown, read_filters
from farm.contact_sheet import figures
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.lifecycle import ScoreStatus
from farm.scorers import facts_of, scorer_names
from farm.sentences import sentence

blueprint = Blueprint("scores", __name__)

PAGE = 60
#: Bars of the chart.
BARS = 16
ORDERS = ("best", "worst")


@dataclass(frozen=True)
class Spread:
    """How figures are spread: the chart, and the words beside it."""

    chart: Markup
    mean: str
    median: str
    lowest: str
    highest: str


@blueprint.get("/scores")
def page() -> ResponseReturnValue:
    """The figures of one scorer over a job (`job`) or over the gallery as its filters choose. Raises NotFound."""
    typed, order, number = read_filters(request.args), _order(), _number()
    project_id = principal().project_id
    with read(farm().engine) as connection:
        leave_out_unknown(typed, farm(), connection, project_id)
        chosen = _of_job(typed)
        job = None if chosen.job is None else find_job(connection, project_id, chosen.job)
        used = used_scorers(connection, project_id, chosen)
        scorer = _scorer(used)
        query = ScoreQuery(chosen, scorer or "", best_first=order == "best")
        counts = count_scores(connection, project_id, chosen, query.scorer)
        scores, _ = list_scores(connection, project_id, query, limit=PAGE, skip=(number - 1) * PAGE)
        values = score_values(connection, project_id, chosen, query.scorer)
        reasons = failed_reasons(connection, project_id, chosen, query.scorer)
        if job is not None:
            distances = set_distances_of(connection, job.id)
        else:
            distances = set_distances_of_gallery(connection, project_id, chosen)
        renders = renders_with_ids(connection, project_id, [one.render_id for one in scores], address_of=address)
    figure_of = {one.render_id: one.value for one in scores}
    return render_template(
        "scores.html",
        job=job,
        typed=typed,
        where=_address(typed, chosen),
        scorer=scorer,
        scorers=[(name, facts_of(name)) for name in scorer_names()],
        used=used,
        weights=farm().settings.scorer_weights,
        facts=facts_of(query.scorer),
        order=order,
        distances=distances,
        set_command=fid_command(chosen),
        bound=LOOKED_AT,
        cards=[(render, figure_of[render.id]) for render in renders],
        counts={status.value: counts[status] for status in ScoreStatus},
        reasons=reasons,
        spread=farm().cpu_work(partial(spread, values)) if values else None,
        number=number,
        pages=max(1, -(-counts[ScoreStatus.DONE] // PAGE)),
    ), 422 if typed.faults else 200


@blueprint.post("/scores")
def ask() -> ResponseReturnValue:
    """Have the chosen renders scored, and show the figures of the first scorer. Raises InvalidRequest and NotFound."""
    typed = read_filters(request.args)
    if typed.faults:  # without what means nothing it would be more than was asked for
        raise InvalidRequest([Fault("/query", fault) for fault in typed.faults])
    chosen = _of_job(typed)
    wanted = request.form.getlist("scorer")
    if not wanted:
        raise InvalidRequest([Fault("/scorers", sentence("choose at least one scorer"))])
    ask_for(chosen, wanted, again="again" in request.form)
    return redirect(f"/scores?{urlencode({**_address(typed, chosen), 'by': wanted[0]})}", 303)


def spread(values: list[float]) -> Spread:
    """The chart of figures, which are in their order: as many bars as fit between the lowest and the highest."""
    lowest, highest = values[0], values[-1]
    width = (highest - lowest) / BARS
    heights = [0] * (BARS if width else 1)
    for value in values:
        heights[min(int((value - lowest) / width), BARS - 1) if width else 0] += 1
    labels = _told_apart([lowest + width * place for place in range(len(heights))])
    said = f"{figures(lowest)} … {figures(highest)}: {', '.join(map(str, heights))}"
    return Spread(
        chart=histogram(heights, labels, said),
        mean=figures(fmean(values)),
        median=figures(median(values)),
        lowest=figures(lowest),
        highest=figures(highest),
    )


def _told_apart(bounds: list[float]) -> list[str]:
    """Each in so few digits as tell it from the others."""
    labels, digits = [short(bound) for bound in bounds], 4
    while len(set(labels)) < len(labels) and digits < 17:
        labels, digits = [f"{bound:.{digits}g}" for bound in bounds], digits + 1
    return labels


def _of_job(typed: TypedFilters) -> GalleryFilter:
    """The renders that the filters choose, of the address's `job` alone. Raises NotFound for an id that is none."""
    job = request.args.get("job")
    return replace(typed.chosen, job=known_form("job", job)) if job else typed.chosen


def _address(typed: TypedFilters, chosen: GalleryFilter) -> dict[str, str]:
    """What chooses the same renders in another address."""
    return typed.values | ({} if chosen.job is None else {"job": chosen.job})


def _scorer(used: Collection[str]) -> str | None:
    """Whose figures are asked for, or those of the first that has some. Raises InvalidRequest for one of no name."""
    asked = request.args.get("by")
    if asked and asked not in (known := (*scorer_names(), *used)):
        raise InvalidRequest([Fault("/query/by", unknown(sentence("scorer"), asked, known, show=len(known)))])
    return asked or next(iter(used), None)


def _order() -> str:
    order = request.args.get("order", ORDERS[0])
    if order not in ORDERS:
        told = sentence("must be one of %(known)s; seen %(seen)s", known=", ".join(ORDERS), seen=repr(order[:40]))
        raise InvalidRequest([Fault("/query/order", told)])
    return order


def _number() -> int:
    """The page, counted from 1."""
    text = request.args.get("page", "1")
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text)):
        told = sentence("must be a whole number from 1 on; seen %(seen)s", seen=repr(text[:40]))
        raise InvalidRequest([Fault("/query/page", told)])
    return int(text)
