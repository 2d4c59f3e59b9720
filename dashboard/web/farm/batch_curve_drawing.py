"""Where the marks of a batch curve lie in its drawing; the template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from dashboard.schemas import BatchCurve
from dashboard.translations.said import gettext

#: The drawing, in its own units; text is drawn in the same units.
WIDTH, HEIGHT = 260, 132
LEFT, RIGHT, TOP, BOTTOM = 18, 242, 26, 108


@dataclass(frozen=True)
class Dot:
    """One measured size."""

    x: float
    y: float
    size: int
    rate: str  # renders a second, rounded
    labelled: bool  # powers of two, and the size that is taken: others would run into each other
    chosen: bool


@dataclass(frozen=True)
class Chart:
    """One curve, drawn."""

    curve: BatchCurve
    dots: list[Dot]
    line: str  # points of the polyline
    summary: str  # in words, for those who do not see it


def draw(curve: BatchCurve) -> Chart:
    """Sizes to the right, each doubling as wide as the last; renders per second upwards, from zero."""
    points = sorted(curve.points, key=lambda point: point.batch_size)
    widest = max(log2(point.batch_size) for point in points) or 1.0
    highest = max(point.renders_per_second for point in points) or 1.0
    dots = [
        Dot(
            x=round(LEFT + (RIGHT - LEFT) * log2(point.batch_size) / widest, 1),
            y=round(BOTTOM - (BOTTOM - TOP) * point.renders_per_second / highest, 1),
            size=point.batch_size,
            rate=rounded(point.renders_per_second),
            labelled=point.batch_size & (point.batch_size - 1) == 0 or point.batch_size == curve.batch_size,
            chosen=point.batch_size == curve.batch_size,
        )
        for point in points
    ]
    return Chart(curve, dots, " ".join(f"{dot.x},{dot.y}" for dot in dots), _summary(curve, dots))


def rounded(rate: float) -> str:
    """Three figures, never in powers of ten: 0.00123, 1.23, 123."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.{max(0, 2 - _magnitude(rate))}f}"


def _magnitude(rate: float) -> int:
    return int(f"{rate:e}".partition("e")[2]) if rate > 0 else 0


def _summary(curve: BatchCurve, dots: Sequence[Dot]) -> str:
    rates = ", ".join(gettext("%(rate)s at %(size)s", rate=dot.rate, size=dot.size) for dot in dots)
    return gettext(
        "Renders per second by batch size: %(rates)s. Batches of %(size)s are taken.",
        rates=rates, size=curve.batch_size,
    )  # fmt: skip
