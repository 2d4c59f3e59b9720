"""What the farm page shows, put together from what was read. Pure but for the charts, which a thread draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from markupsafe import Markup

from dashboard.charts.svg import MOST_SERIES, Span, lines, timeline
from dashboard.reads.farm.activity import UNKNOWN
from dashboard.reads.fleet import GONE_SECONDS
from dashboard.schemas import ActivitySpan, LaneHistory, Worker, WorkerActivity
from dashboard.translations.said import gettext, word
from farm.cpu_work import CpuWork
from farm.lifecycle import WorkerStatus
from scheduler.fleet.worker_registry import QUARANTINED

#: The part of a timeline in which the worker was not there.
ABSENT = "absent"
#: Timelines of more workers are on their own pages: a page is read again every few seconds.
MOST_TIMELINES = 60


@dataclass(frozen=True)
class WorkerRow:
    """A worker, what it does, and its hour as a drawing (None: see its own page)."""

    worker: Worker
    activity: WorkerActivity | None
    state: str
    timeline: Markup | None


@dataclass(frozen=True)
class LaneCharts:
    """How much waited, and for how long, with a line for each lane, named in the order of their colours."""

    pending: Markup
    wait: Markup
    lanes: list[str]
    left_out: int


def worker_state(worker: Worker) -> str:
    """The one word for a worker. Who was let go, or ended by itself, has ended; who fell silent is lost."""
    if worker.status == WorkerStatus.GONE:
        return "ended" if worker.signed_off_at or worker.draining else "lost"
    if worker.quarantined:
        return QUARANTINED
    return WorkerStatus.DRAINING.value if worker.draining else worker.status.value


def worker_rows(
    workers: Sequence[Worker], activities: Sequence[WorkerActivity], now: float, work: CpuWork
) -> list[WorkerRow]:
    """The workers with what they do; the hours of the first MOST_TIMELINES are drawn."""
    found = {activity.worker_id: activity for activity in activities}
    drawn = [worker.id for worker in workers if worker.id in found][:MOST_TIMELINES]
    # In words here: the thread that draws knows no language of the request.
    hours = [(found[one].spans, in_words(found[one].spans)) for one in drawn]
    pictures = dict(zip(drawn, work(partial(_draw_hours, hours, now)), strict=True))
    return [
        WorkerRow(worker, found.get(worker.id), worker_state(worker), pictures.get(worker.id)) for worker in workers
    ]


def hour_of(spans: Sequence[ActivitySpan], now: float) -> list[Span]:
    """The last hour from end to end, so that the hours of all workers lie under each other."""
    parts, at = [], now - GONE_SECONDS
    for span in spans:
        begin, end = max(at, _seconds(span.started_at)), min(now, _seconds(span.ended_at))
        if begin > at:
            parts.append(Span(begin - at, ABSENT))
        if end > begin:
            parts.append(Span(end - begin, span.status))
        at = max(begin, end)
    if at < now:
        parts.append(Span(now - at, ABSENT))
    return parts


def _draw_hours(hours: Sequence[tuple[Sequence[ActivitySpan], str]], now: float) -> list[Markup]:
    return [timeline(hour_of(spans, now), words) for spans, words in hours]


def in_words(spans: Sequence[ActivitySpan]) -> str:
    """What a timeline shows, for those who do not see it: 'rendering 41 min, idle 12 min'."""
    seconds: dict[str, float] = {}
    for span in spans:
        seconds[span.status] = seconds.get(span.status, 0.0) + _seconds(span.ended_at) - _seconds(span.started_at)
    told = [
        gettext("%(state)s %(minutes)s min", state=word(status), minutes=f"{length / 60:.0f}")
        for status, length in seconds.items()
        if status != UNKNOWN and length > 0
    ]
    return ", ".join(told) or "–"


def lane_charts(histories: Sequence[LaneHistory], seconds: float, work: CpuWork) -> LaneCharts | None:
    """The lanes in which most waited, at the most as many as there are colours. None: fewer than two samples."""
    if max((len(lane.points) for lane in histories), default=0) < 2:
        return None
    ranked = sorted(histories, key=lambda lane: -max(point.pending for point in lane.points))
    shown = sorted(ranked[:MOST_SERIES], key=lambda lane: lane.lane)
    pending, wait = work(partial(_draw_lanes, shown, seconds))
    return LaneCharts(pending, wait, [lane.lane for lane in shown], len(histories) - len(shown))


def _draw_lanes(histories: Sequence[LaneHistory], seconds: float) -> tuple[Markup, Markup]:
    times = sorted({point.at for lane in histories for point in lane.points})
    labels = [_label(at, seconds) for at in times]
    pending, wait = {}, {}
    for lane in histories:
        at = {point.at: point for point in lane.points}
        points = [at.get(one) for one in times]
        pending[lane.lane] = [None if point is None else float(point.pending) for point in points]
        wait[lane.lane] = [None if point is None else round(point.oldest_wait_seconds / 60, 2) for point in points]
    return lines(pending, labels, _last(pending)), lines(wait, labels, _last(wait))


def _last(series: Mapping[str, Sequence[float | None]]) -> str:
    return ", ".join(f"{name}: {values[-1] or 0:g}" for name, values in series.items())


def _label(at: str, seconds: float) -> str:
    when = datetime.fromisoformat(at)
    return f"{when:%H:%M}" if seconds <= 86_400 else f"{when:%d %H:%M}"


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
