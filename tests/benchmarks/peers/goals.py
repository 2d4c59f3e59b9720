"""What the farm has to be beside its peers, as ratios of medians of one run."""

from collections.abc import Iterable, Mapping

from tests.benchmarks.report import Report

Figures = Mapping[str, Mapping[str, float]]
_OURS = ("farm", "farm-compiled")


def judge(report: Report, figures: Figures) -> None:
    """Aim at every goal for which both sides were measured."""
    for ours, equal, mixed in (("farm", 1.10, 1.3), ("farm-compiled", 1.25, 1.5)):
        for workload, goal in (("equal", equal), ("mixed", mixed)):
            if (rate := figures.get(ours, {}).get(workload)) and (peers := _peers(figures, workload)):
                report.aim(f"{workload}: {ours} / best peer", rate / max(peers), ">=", goal)
    farm = figures.get("farm", {})
    for what in ("urgent, median of bare calls", "urgent, p95 of bare calls"):
        if what in farm and (peers := _peers(figures, what)):
            report.aim(f"{what}: farm / best peer", farm[what] / min(peers), "<=", 0.8)
    if "urgent, work kept" in farm:
        report.aim("work kept beside urgent ones", farm["urgent, work kept"], ">=", 0.98)
    _second_user(report, figures, "second user's mean place")
    for what in ("lost by kill -9", "doubled by kill -9"):
        if what in farm:
            report.aim(f"farm: {what}", farm[what], "<=", 0)
    if "cold start, s" in farm and (celery := figures.get("celery", {}).get("cold start, s")):
        report.aim("cold start: farm / Celery", farm["cold start, s"] / celery, "<=", 1.5)


def _second_user(report: Report, figures: Figures, what: str) -> None:
    place = figures.get("farm", {}).get(what)
    if place is None:
        return
    if turns := figures.get("celery-by-user", {}).get(what):
        report.aim("second user's place: farm / Celery with a queue a user", place / turns, "<=", 1.0)
    if others := _peers(figures, what, without=("celery-by-user",)):
        report.aim("second user's place: farm / best of the others", place / min(others), "<=", 0.25)


def _peers(figures: Figures, what: str, without: Iterable[str] = ()) -> list[float]:
    left_out = {*_OURS, *without}
    return [its[what] for name, its in figures.items() if name not in left_out and what in its]
