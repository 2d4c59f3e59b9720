"""What batches bring, drawn: a bar for each measured size, the size that is taken in a colour of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from dashboard.charts.svg import stacked_bars
from dashboard.schemas import BatchCurve, CurvePoint
from dashboard.translations.said import gettext
from farm.cpu_work import CpuWork

#: In units of the drawing: on the page several stand beside each other.
WIDTH = 280


@dataclass(frozen=True)
class Chart:
    """One curve, drawn; `points` by size, each with its renders per second as people read them."""

    curve: BatchCurve
    picture: Markup
    points: list[tuple[CurvePoint, str]]
    measured: bool  # the size that is taken; else it is tried next


def draw(curves: Sequence[BatchCurve], work: CpuWork) -> list[Chart]:
    """The curves of a pool."""
    ordered = [sorted(curve.points, key=lambda point: point.batch_size) for curve in curves]
    rates = [[(point, rounded(point.renders_per_second)) for point in points] for points in ordered]
    # In words here: what draws knows no language of the request.
    told = [(curve, points, _summary(curve, points)) for curve, points in zip(curves, rates, strict=True)]
    pictures = work(partial(_bars, told))
    return [
        Chart(curve, picture, points, any(point.batch_size == curve.batch_size for point, _ in points))
        for (curve, points, _), picture in zip(told, pictures, strict=True)
    ]


def rounded(rate: float) -> str:
    """Three figures, never in powers of ten: 0.00123, 1.23, 123."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.{max(0, 2 - _magnitude(rate))}f}"


def _magnitude(rate: float) -> int:
    return int(f"{rate:e}".partition("e")[2]) if rate > 0 else 0


def _bars(told: Sequence[tuple[BatchCurve, Sequence[tuple[CurvePoint, str]], str]]) -> list[Markup]:
    return [_drawn(curve, [point for point, _ in points], words) for curve, points, words in told]


def _drawn(curve: BatchCurve, points: Sequence[CurvePoint], words: str) -> Markup:
    taken = [point.renders_per_second if point.batch_size == curve.batch_size else None for point in points]
    others = [None if point.batch_size == curve.batch_size else point.renders_per_second for point in points]
    # Powers of two have their figures below: those of all sizes would run into each other.
    labels = [str(size) if size & (size - 1) == 0 else "" for size in (point.batch_size for point in points)]
    return stacked_bars({"taken": taken, "measured": others}, labels, words, width=WIDTH)


def _summary(curve: BatchCurve, points: Sequence[tuple[CurvePoint, str]]) -> str:
    rates = ", ".join(gettext("%(rate)s at %(size)s", rate=rate, size=point.batch_size) for point, rate in points)
    return gettext(
        "Renders per second by batch size: %(rates)s. Batches of %(size)s are taken.",
        rates=rates, size=curve.batch_size,
    )  # fmt: skip
