"""Results as tables for a terminal, and as rows for a report."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from scheduler.simulate.results.result import Result
from scheduler.simulate.traces.trace import CLASS_NAMES


def comparison(results: Sequence[Result]) -> list[list[str]]:
    """The head and a row for each policy: everything but the waiting times."""
    head = [
        "policy",
        "cost",
        "GPU hours",
        "utilisation",
        "batch fill",
        "fairness",
        "done",
        "failed",
        "workers",
        "hours",
    ]
    return [head] + [
        [
            result.policy,
            f"{result.cost:,.2f}",
            f"{result.gpu_hours:,.2f}",
            f"{result.utilisation:.0%}",
            f"{result.fill:.0%}",
            f"{result.jain:.3f}",
            f"{result.done:,}",
            f"{result.failed:,}",
            f"{result.workers:,}",
            f"{result.seconds / 3600:.2f}",
        ]
        for result in results
    ]


def waiting(results: Sequence[Result]) -> list[list[str]]:
    """The head and, for each policy and class that has renders, percentiles of the seconds until they were started."""
    rows = [["policy", "class", "renders", "p50", "p95", "p99", "done p95"]]
    for result in results:
        for name in (None, *CLASS_NAMES):
            waits = result.waits(name)
            if len(waits):
                seconds = [result.p(50, name), result.p(95, name), result.p(99, name), result.done_p(95, name)]
                rows.append([result.policy, name or "all", f"{len(waits):,}", *(f"{each:,.1f}" for each in seconds)])
    return rows


def faults(results: Sequence[Result]) -> list[list[str]]:
    """The head and a row for each policy under which something went wrong."""
    rows = [["policy", "crashes", "stalls", "preemptions", "void settlements", "lost", "doubled"]]
    for result in results:
        if result.crashes or result.stalls or result.preemptions:
            counts = (result.crashes, result.stalls, result.preemptions, result.void, result.lost, result.doubled)
            rows.append([result.policy, *(f"{count:,}" for count in counts)])
    return rows


def turned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Columns as rows: a terminal of 80 characters is higher than wide."""
    return [list(column) for column in zip(*rows, strict=True)]


def show(console: Console, title: str, rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; in a pipe lines with tabs between the columns, of which nothing is cut off."""
    if console.is_terminal:
        console.print(rich_table(title, rows), soft_wrap=False)
        return
    for line in ([title], *rows):
        print("\t".join(line))


def rich_table(title: str, rows: Sequence[Sequence[str]]) -> Table:
    """A table for a terminal: names to the left, figures to the right."""
    table = Table(title=title, title_justify="left")
    for place, name in enumerate(rows[0]):
        words = place == 0 or name == "class"
        table.add_column(name, justify="left" if words else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    return table
