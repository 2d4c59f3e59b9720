"""The status of renders and jobs is written where the tables of transitions are asked, and nowhere else."""

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from farm.lifecycle import JOB_ENDED, JOB_TRANSITIONS, JobStatus, NotAllowed, check_job_transition, job_status

ROOT = Path(__file__).parents[2]
#: Who updates a column `status`, of which table, and what asks the table of transitions.
WRITERS = {
    "scheduler/leases/job_status.py": "check_job_transition",
    "scheduler/leases/change_status.py": "check_transition",
    "scheduler/control/bulk_transition.py": "check_transition",
    "scheduler/claims/claim_sql.py": "check_transition",
    # Workers say themselves what they do, and are given up by one duty.
    "scheduler/fleet/worker_registry.py": "WorkerStatus",
    "scheduler/maintenance/mark_dead_workers.py": "WorkerStatus",
    # Scores, which are asked for and computed: their rows are claimed, written and asked for anew in one file.
    "scheduler/gallery/scores.py": "ScoreStatus",
}


def _modules() -> Iterator[tuple[str, ast.Module, str]]:
    for package in ("farm", "scheduler", "workers", "dashboard"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield str(path.relative_to(ROOT)), ast.parse(text), text


def _sets_status(call: ast.Call) -> bool:
    """Whether this is `….values(status=…)`, `….values({"status": …})` or `text("… SET … status = …")`."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "values":
        inside = [node for argument in call.args for node in ast.walk(argument)]
        by_key = any(isinstance(node, ast.Constant) and node.value == "status" for node in inside)
        return by_key or any(keyword.arg == "status" for keyword in call.keywords)
    texts = [node.value for node in call.args if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return any("set" in text.lower().split() and "status" in text.lower() for text in texts)


def _is_insert(call: ast.Call) -> bool:
    names = {node.id for node in ast.walk(call.func) if isinstance(node, ast.Name)}
    return "insert" in names and "update" not in names


def test_nobody_else_writes_a_status() -> None:
    found = {
        name
        for name, tree, _ in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _sets_status(node) and not _is_insert(node)
    }
    known = (
        set(WRITERS) - {"scheduler/leases/change_status.py"}
        if "scheduler/leases/change_status.py" not in found
        else set(WRITERS)
    )
    assert found == known


@pytest.mark.parametrize(("name", "asked"), WRITERS.items())
def test_who_writes_one_asks_the_table(name: str, asked: str) -> None:
    assert asked in (ROOT / name).read_text(encoding="utf-8")


def test_what_the_counters_say_is_always_a_way_that_the_table_of_jobs_has() -> None:
    counts = range(3)
    for before in JobStatus:
        for done, failed, cancelled, expired, more in product(counts, repeat=5):
            total = done + failed + cancelled + expired + more
            after = job_status(before, total=total, done=done, failed=failed, cancelled=cancelled, expired=expired)
            if after is not before:
                check_job_transition(before, after)


def test_a_job_that_was_cancelled_or_has_expired_is_never_admitted_again() -> None:
    for before in (JobStatus.CANCELLED, JobStatus.EXPIRED):
        with pytest.raises(NotAllowed):
            check_job_transition(before, JobStatus.ADMITTING)
    assert all(JobStatus.PAUSED not in JOB_TRANSITIONS[end] for end in JOB_ENDED)
