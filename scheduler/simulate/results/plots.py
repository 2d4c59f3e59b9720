"""Plots as SVG, drawn by matplotlib (the extra `simulate`) when a report is made: nothing is loaded by the page."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from farm.errors import FarmError
from scheduler.simulate.results.result import Result
from scheduler.simulate.traces.trace import CLASS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Told apart also by those who see few colours (Okabe and Ito, 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_BOUND_COLOUR = "#555555"


class PlotsNeedMatplotlib(FarmError):
    """Reports are drawn by matplotlib; install it with: pip install 'latent-farm[simulate]'"""

    type = "plots-need-matplotlib"
    title = "matplotlib is not installed"
    status = 500


def waits_plot(results: Sequence[Result]) -> str:
    """For each class, which share of its renders was started within how many seconds."""
    names = [name for name in CLASS_NAMES if any(len(result.waits(name)) for result in results)]
    figure = _figure(len(names) or 1)
    for axes, name in zip(_axes(figure, len(names) or 1), names, strict=False):
        for result, colour in zip(results, _cycle(results), strict=True):
            waits = np.sort(result.waits(name))
            if len(waits):
                share = np.linspace(100 / len(waits), 100, len(waits))
                some = _thinned(len(waits))
                axes.step(np.maximum(waits[some], 0.1), share[some], where="post", label=result.policy, color=colour)
        axes.set_xscale("log")
        axes.set_xlabel("seconds until it was started")
        axes.set_title(name)
        axes.set_ylim(0, 101)
    figure.axes[0].set_ylabel("% of the renders")
    return _svg(figure, legend=True)


def workers_plot(results: Sequence[Result], bound: tuple[Sequence[int], float] | None = None) -> str:
    """Workers that cost money over time, and the clairvoyant's (workers by slot, seconds of a slot)."""
    figure = _figure(1)
    (axes,) = _axes(figure, 1)
    for result, colour in zip(results, _cycle(results), strict=True):
        hours = [sample.at / 3600 for sample in result.samples]
        axes.step(hours, [sample.paid for sample in result.samples], where="post", label=result.policy, color=colour)
    if bound is not None:
        workers, slot = bound
        hours = [place * slot / 3600 for place in range(len(workers))]
        axes.step(hours, workers, where="post", label="clairvoyant bound", color=_BOUND_COLOUR, linewidth=1)
    axes.set_xlabel("hours")
    axes.set_ylabel("workers that cost money")
    axes.set_ylim(bottom=0)
    return _svg(figure, legend=True)


def waiting_plot(results: Sequence[Result]) -> str:
    """Renders that waited, over time."""
    figure = _figure(1)
    (axes,) = _axes(figure, 1)
    for result, colour in zip(results, _cycle(results), strict=True):
        hours = [sample.at / 3600 for sample in result.samples]
        axes.plot(hours, [sample.waiting for sample in result.samples], label=result.policy, color=colour)
    axes.set_xlabel("hours")
    axes.set_ylabel("renders that wait")
    axes.set_ylim(bottom=0)
    return _svg(figure, legend=True)


def cost_plot(results: Sequence[Result]) -> str:
    """What each policy costs, beside the 95th percentile of the waiting time: the nearer to the corner the better."""
    figure = _figure(1, height=3.4)
    (axes,) = _axes(figure, 1)
    for result, colour in zip(results, _cycle(results), strict=True):
        axes.scatter([result.p(95)], [result.cost], color=colour, label=result.policy, s=60, zorder=3)
        axes.annotate(result.policy, (result.p(95), result.cost), textcoords="offset points", xytext=(8, 4))
    axes.set_xlabel("95th percentile of the waiting time, seconds")
    axes.set_ylabel("cost")
    axes.set_ylim(0, max((result.cost for result in results), default=1.0) * 1.25 or 1.0)
    axes.set_xlim(0, max((result.p(95) for result in results), default=1.0) * 1.3 or 1.0)
    return _svg(figure, legend=False)


def _figure(columns: int, height: float = 3.2) -> "Figure":
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotsNeedMatplotlib from error
    # Text stays text, and the same results give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "latent-farm", "font.family": "sans-serif"})
    return Figure(figsize=(9.6, height), layout="constrained")


def _axes(figure: "Figure", columns: int) -> list["Axes"]:
    made = [figure.add_subplot(1, columns, place + 1) for place in range(columns)]
    for axes in made:
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return made


def _cycle(results: Sequence[Result]) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(len(results))]


def _thinned(count: int, most: int = 400) -> slice:
    return slice(None, None, max(1, count // most))


def _svg(figure: "Figure", *, legend: bool) -> str:
    if legend and figure.axes:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=6, frameon=False)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    # From the element on: the XML header and the DOCTYPE have no place inside a page.
    return text.getvalue()[text.getvalue().index("<svg") :]
