"""Who had work waiting at the same time, and what each was given meanwhile: the ground for Jain's index."""

from collections import defaultdict
from collections.abc import Mapping

from scheduler.simulate.results.result import jain


class Contention:
    """Counts waiting renders of projects, class by class, and GPU-seconds given while the same ones had work waiting.

    A fair share is promised only among those who are backlogged in the same class, so what was given is kept by class
    and set of backlogged projects.
    """

    def __init__(self) -> None:
        self._waiting: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._sets: dict[str, frozenset[str]] = {}
        self._given: defaultdict[tuple[str, frozenset[str]], defaultdict[str, float]] = defaultdict(
            lambda: defaultdict(float)
        )

    def add(self, class_name: str, project: str, renders: int) -> None:
        """So many renders wait now (negative: wait no longer)."""
        waiting = self._waiting[class_name]
        count = waiting.get(project, 0) + renders
        if count:
            waiting[project] = count
        else:
            waiting.pop(project, None)
        if (count == renders) or not count:
            self._sets[class_name] = frozenset(waiting)

    def together(self, class_name: str) -> frozenset[str]:
        """The projects that have work waiting in this class."""
        return self._sets.get(class_name, frozenset())

    def give(self, class_name: str, together: frozenset[str], project: str, gpu_seconds: float) -> None:
        """A project was given GPU-seconds while these had work waiting."""
        if len(together) > 1 and project in together:
            self._given[class_name, together][project] += gpu_seconds

    def jain(self, weights: Mapping[str, float]) -> float:
        """Jain's index over projects of what each was given beside what it was entitled to.

        Of every GPU-second that was given to a class, each project that had work waiting in it was entitled to its
        weight's part. Where all are backlogged all the time this is Jain's index of GPU-seconds / weight.
        """
        given: defaultdict[str, float] = defaultdict(float)
        entitled: defaultdict[str, float] = defaultdict(float)
        for (_, together), by_project in self._given.items():
            seconds = sum(by_project.values())
            heavy = sum(weights.get(project, 1.0) for project in together)
            for project in together:
                given[project] += by_project.get(project, 0.0)
                entitled[project] += seconds * weights.get(project, 1.0) / heavy
        return jain([given[project] / due for project, due in entitled.items() if due > 0])
