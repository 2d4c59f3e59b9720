"""Lines, stacked bars and timelines as SVG that stands in a page.

pygal brings styles and a script with each chart. Pages may have neither of their own, and their colours follow the
reader's scheme; so only the marks are kept, and `operate.css` says how they look. It is imported when the first chart
is drawn: most processes of the dashboard never need it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: In units of the drawing, in which text has 12: narrow, so that it can be read on a phone.
WIDTH, HEIGHT = 440, 190
#: So many series have colours of their own.
MOST_SERIES = 8
_LABELS = 5
_MOST_TICKS = 4
_MARGIN, _BAR = 2, 18
_DROPPED = frozenset({"style", "script", "desc", "title", "defs"})
_OVERLAYS = ("overlay", "titles")


@dataclass(frozen=True)
class Span:
    """A part of a timeline: for so many seconds it was so."""

    seconds: float
    state: str


def lines(series: Mapping[str, Sequence[float | None]], labels: Sequence[str], said: str) -> Markup:
    """A line for each series; None is a gap. `said` is the chart in words, for those who do not see it."""
    pygal = _pygal()
    return _drawn(pygal.Line(**_options(labels), show_dots=False), series, said)


def stacked_bars(
    series: Mapping[str, Sequence[float | None]], labels: Sequence[str], said: str, *, width: int = WIDTH
) -> Markup:
    """Bars whose parts are the series. `width`: less, where several stand beside each other."""
    pygal = _pygal()
    return _drawn(pygal.StackedBar(**_options(labels) | {"width": width}), series, said)


def histogram(counts: Sequence[int], labels: Sequence[str], said: str) -> Markup:
    """A bar for each count of things, and only whole numbers beside them."""
    pygal = _pygal()
    most = max(counts, default=0)
    step = max(1, -(-most // _MOST_TICKS))
    ticks = list(range(0, most + step, step))
    return _drawn(pygal.Bar(**_options(labels) | {"y_labels": ticks, "range": (0, ticks[-1])}), {"": counts}, said)


def timeline(spans: Sequence[Span], said: str) -> Markup:
    """One bar from left to right, a part for each span, which has the class `state-…` of its state."""
    pygal = _pygal()
    bare = dict.fromkeys(("show_x_labels", "show_y_labels", "show_x_guides", "show_y_guides"), False)
    whole = sum(span.seconds for span in spans)
    chart = pygal.HorizontalStackedBar(**_common(width=600, height=_BAR), **bare, range=(0, whole or 1))
    chart._series_margin = chart._serie_margin = 0
    for span in spans:
        chart.add(span.state, [span.seconds])

    def name(number: int) -> str:
        return f"state-{spans[number].state}"

    root = chart.render_tree()
    _crop(root)
    return _finished(root, said, name, stretched=True)


def _crop(root: Element) -> None:
    """Without the margin that pygal leaves on both sides: the ends of all timelines lie at the same places."""
    bars = [bar for bar in root.iter("rect") if bar.get("class", "").startswith("rect")]
    if bars:
        left = min(float(bar.get("x", 0)) for bar in bars)
        right = max(float(bar.get("x", 0)) + float(bar.get("width", 0)) for bar in bars)
        root.set("viewBox", f"{_MARGIN + left:.2f} {_MARGIN} {max(right - left, 1):.2f} {_BAR - 2 * _MARGIN}")


def _pygal() -> Any:
    """The library, with the elements of the standard library also where lxml is installed.

    pygal 3.1 leaves a finder of modules of the old kind behind, for plugins of its own: of it Python warns at every
    import that follows. It goes.
    """
    import pygal
    from pygal.etree import etree

    etree.to_etree()
    for finder in [one for one in sys.meta_path if type(one).__module__ == "pygal"]:
        sys.meta_path.remove(finder)
    return pygal


def _common(width: int = WIDTH, height: int = HEIGHT) -> dict[str, Any]:
    return {"width": width, "height": height, "margin": _MARGIN, "spacing": 6, "js": [], "css": [],
            "show_legend": False, "explicit_size": False}  # fmt: skip


def _options(labels: Sequence[str]) -> dict[str, Any]:
    from pygal.style import Style

    # The sizes are those that pygal leaves room for; the look is that of operate.css.
    return _common() | {
        "style": Style(label_font_size=12, major_label_font_size=12),
        "x_labels": _thinned(labels),
        "truncate_label": -1,
        "max_scale": 5,
        "min_scale": 2,
        "include_x_axis": True,
        "formatter": short,
    }


def short(value: float) -> str:
    """A figure of an axis: '0', '0.25', '12', '3.4k'."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.3g}k"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _thinned(labels: Sequence[str]) -> list[str]:
    """So many as can be read beside each other, each word once.

    pygal 3.1 chooses the labels that it shows by their words, and shows all that read like one of them.
    """
    named = [place for place, label in enumerate(labels) if label]
    shown = set(named[:: max(1, -(-len(named) // _LABELS))])
    kept = [label if place in shown else "" for place, label in enumerate(labels)]
    return [label if label not in kept[:place] else "" for place, label in enumerate(kept)]


def _drawn(chart: Any, series: Mapping[str, Sequence[float | None]], said: str) -> Markup:
    for name, values in list(series.items())[:MOST_SERIES]:
        chart.add(name, list(values))
    return _finished(chart.render_tree(), said, lambda number: f"colour-{number}")


def _finished(root: Element, said: str, name: Callable[[int], str], *, stretched: bool = False) -> Markup:
    """The marks alone, with names of ours: nothing that a page must not have."""
    from xml.etree import ElementTree

    _prune(root)
    for group in root.iter("g"):
        words = group.get("class", "").split()
        if words[:1] == ["series"]:
            group.set("class", f"series {name(int(words[1].removeprefix('serie-')))}")
    root.attrib.pop("id", None)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-label", said)
    if stretched:
        root.set("preserveAspectRatio", "none")
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 (pygal escapes, and the names are ours)


def _prune(element: Element) -> None:
    """Take out styles, scripts, comments, and what pygal's own script shows."""
    for child in list(element):
        if not isinstance(child.tag, str) or child.tag in _DROPPED or child.get("class", "").endswith(_OVERLAYS):
            element.remove(child)
            continue
        child.attrib.pop("style", None)
        _prune(child)
