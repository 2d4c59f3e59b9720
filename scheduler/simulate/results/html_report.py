"""Results as one HTML file that needs nothing else: tables, and plots as SVG inside it."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.simulate.results import plots, tables
from scheduler.simulate.results.lower_bound import SLOT_SECONDS, Bound
from scheduler.simulate.results.result import Result

_STYLE = """
:root { color-scheme: light; --ink: #1c2330; --soft: #5b6575; --line: #d9dee6; --paper: #ffffff; --ground: #f4f6f9; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 1.7rem; margin: 0 0 4px; }
h2 { font-size: 1.15rem; margin: 0 0 4px; }
p { margin: 0 0 12px; color: var(--soft); max-width: 75ch; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }
section { padding: 20px; margin-top: 20px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
th.word, td.word { text-align: left; }
tr:last-child td { border-bottom: 0; }
svg { width: 100%; height: auto; }
"""


@dataclass(frozen=True)
class Part:
    """One block of the report: a heading, what it means, and its content as HTML."""

    title: str
    intro: str
    content: str


def page(title: str, intro: str, results: Sequence[Result], bound: Bound | None = None) -> str:
    """The whole report.

    Raises:
        PlotsNeedMatplotlib: the extra `simulate` is not installed.
    """
    parts = "\n".join(_section(part) for part in _parts(results, bound))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(intro)}</p>\n{parts}\n</main>\n</body>\n</html>\n"
    )


def _parts(results: Sequence[Result], bound: Bound | None) -> list[Part]:
    told = (
        "Cost and GPU hours count workers from the moment they are asked for until they are gone. Fairness is Jain's "
        "index of what projects were given beside what they were entitled to."
    )
    if bound is not None:
        told += (
            f" Nobody can be cheaper than {bound.cost:,.2f} who has all done within {bound.within:,.0f} seconds, "
            "knows the trace, and renders full batches only."
        )
    parts = [
        Part("Policies side by side", told, _table(tables.comparison(results))),
        Part(
            "Waiting time in seconds", "From the submission of a render to its start.", _table(tables.waiting(results))
        ),
        Part("Who waits how long", "Further left is better.", plots.waits_plot(results)),
        Part("Cost and waiting time", "Nearer to the corner is better.", plots.cost_plot(results)),
        Part("Workers over time", "", plots.workers_plot(results, (bound.workers, SLOT_SECONDS) if bound else None)),
        Part("Renders that wait over time", "", plots.waiting_plot(results)),
    ]
    if len(rows := tables.faults(results)) > 1:
        told = "What a worker says after its lease ran out is void. Lost and doubled are 0, or the run is refused."
        parts.append(Part("Faults", told, _table(rows)))
    return parts


def _section(part: Part) -> str:
    told = f"<p>{html.escape(part.intro)}</p>" if part.intro else ""
    return f'<section>\n<h2>{html.escape(part.title)}</h2>\n{told}\n<div class="wide">{part.content}</div>\n</section>'


def _table(rows: Sequence[Sequence[str]]) -> str:
    words = [place == 0 or name == "class" for place, name in enumerate(rows[0])]
    head = _row("th", rows[0], words)
    body = "\n".join(_row("td", row, words) for row in rows[1:])
    return f"<table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _row(cell: str, row: Sequence[str], words: Sequence[bool]) -> str:
    marks = [' class="word"' if word else "" for word in words]
    cells = "".join(f"<{cell}{mark}>{html.escape(text)}</{cell}>" for text, mark in zip(row, marks, strict=True))
    return f"<tr>{cells}</tr>"
