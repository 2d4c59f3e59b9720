"""Who gets how much of the GPUs: Jain's index over eight projects, and how soon one picture is claimed behind 10,000.

    make bench NAME=fairness        about four minutes on two cores
    .venv/bin/python -m tests.benchmarks.fairness --quick

Eight projects of the weights 1 to 8 have work waiting all the time. Measured is Jain's index of GPU-seconds / weight,
1.0 where all get exactly their part: in the simulator, and with real demo workers, where GPU-seconds are what
the engine measured and the settles charged.
"""

import argparse
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, func, select

from farm.accounts import create_project
from farm.database import make_engine, read
from farm.ids import new_id
from farm.params import JobRequest
from farm.schema.upgrade import upgrade
from farm.settings import Settings
from farm.tables import Attempt, Render
from scheduler.admission.submit import submit
from scheduler.claims import claim_batch as claims
from scheduler.simulate.event_queue import Options
from scheduler.simulate.fleet import one_pool
from scheduler.simulate.results.result import jain
from scheduler.simulate.run import run
from scheduler.simulate.traces.trace import Arrival
from tests.benchmarks.report import Report
from tests.databases import running_postgres
from tests.end_to_end.farms import RunningFarm, running_farm
from tests.scheduler.farms import POOL, SmallFarm

PROJECTS = {f"project {weight}": float(weight) for weight in range(1, 9)}
MODEL = "sprint-demo"


def main() -> None:
    """Measure, print, and write build/bench/fairness.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="small sizes: shows that it runs; its index is rough")
    quick = options.parse_args().quick
    seconds, renders = (25.0, 250) if quick else (150.0, 600)
    report = Report("fairness", {"weights": list(PROJECTS.values()), "window seconds": seconds, "quick": quick})
    _simulated(report, renders)
    _one_picture(report, 500 if quick else 10_000)
    _real(report, seconds)
    report.write()


def _simulated(report: Report, renders: int) -> None:
    """All at the beginning, as much for each as its weight says, so that all have work nearly to the end."""
    trace = [Arrival(0.0, project=name, renders=int(weight) * renders) for name, weight in PROJECTS.items()]
    result = run(trace, one_pool("sana-demo", workers=4), options=Options(weights=PROJECTS))
    report.measure("simulator: renders", result.done)
    report.aim("simulator: Jain's index of GPU-seconds / weight", result.jain, ">=", 0.98)


def _one_picture(report: Report, bulk: int) -> None:
    """In which claim of its pool one picture is, of a project that was idle, behind a bulk job of another's."""
    with tempfile.TemporaryDirectory() as folder, running_postgres("fsync=off") as server:
        server.execute("CREATE DATABASE picture")
        for url in (f"sqlite:///{folder}/picture.sqlite3", server.url("picture")):
            upgrade(url)
            engine = make_engine(url)
            places, joined = _places(engine, bulk)
            engine.dispose()
            report.sample(f"{engine.dialect.name}: claims until the picture is claimed", places)
            report.aim(f"{engine.dialect.name}: the same, at worst", max(places), "<=", 2)
            report.aim(f"{engine.dialect.name}: pictures of its shape that joined the running batch", joined, ">=", 1.0)


def _places(engine: Engine, bulk: int) -> tuple[list[float], float]:
    """Twenty pictures of twenty projects, one after the other, in the class of the bulk job and in the usual one."""
    farm = SmallFarm(engine)
    farm.submit(bulk, project="bulk", class_name="bulk", batch_key="b" * 64)
    places: list[float] = []
    joined: list[bool] = []
    for turn in range(20):
        class_name = ("bulk", "normal")[turn % 2]
        running, began = _claimed(farm), farm.now
        _, [picture] = farm.submit(1, project=f"artist {turn}", class_name=class_name, batch_key="p" * 64)
        place = 1
        while picture not in {render.id for render in _claimed(farm).renders}:
            place += 1
        places.append(place)
        _, [alike] = farm.submit(1, project=f"friend {turn}", class_name=class_name, batch_key="b" * 64)
        found = claims.join(
            engine, claims.Claimer(POOL, new_id(), 30.0), batch_id=running.batch_id, batch_key="b" * 64, slots=1,
            running=8, began=began, now=farm.now,
        )  # fmt: skip
        joined.append(found is not None and alike in {render.id for render in found.renders})
    return places, sum(joined) / len(joined)


def _claimed(farm: SmallFarm) -> claims.Claim:
    claim = farm.claim(capacity=8)
    if claim is None:
        raise RuntimeError("The bulk job has run out.")
    return claim


def _real(report: Report, seconds: float) -> None:
    """A farm as `farm up` starts it: everything is submitted while its pool is paused, then it runs for a while."""
    with tempfile.TemporaryDirectory() as folder, contextmanager(running_farm)(Path(folder), _settings) as farm:
        with farm.pool_paused(f"{MODEL}-local"):
            ids = {name: _submit(farm, name, weight) for name, weight in PROJECTS.items()}
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            time.sleep(0.5)
        charged, renders = _charged(farm)
        with read(farm.connections.engine) as connection:
            waiting = select(Render.project_id).where(Render.status == "pending").distinct()
            backlogged = set(connection.scalars(waiting))
    if set(ids.values()) != backlogged:
        raise RuntimeError("A project ran out of work: the window is too long for this machine.")
    shares = [charged.get(ids[name], 0.0) / weight for name, weight in PROJECTS.items()]
    report.samples["demo workers: GPU-seconds / weight, by project"] = shares
    report.measure("demo workers: pictures in the window", renders)
    report.measure("demo workers: GPU-seconds in the window", sum(charged.values()))
    report.aim("demo workers: Jain's index of GPU-seconds / weight", jain(shares), ">=", 0.98)


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, dashboard_port=0)


def _submit(farm: RunningFarm, name: str, weight: float) -> str:
    """A project with a backlog in the measure of its weight; its id."""
    connections = farm.connections
    project_id = create_project(connections.engine, name, weight)
    request = JobRequest(model=MODEL, prompt="a red circle on a blue background", seed_count=int(weight) * 600)
    submit(
        connections, project_id=project_id, user_id=None, request=request, idempotency_key=None, body_sha256=new_id()
    )
    return project_id


def _charged(farm: RunningFarm) -> tuple[dict[str, float], int]:
    """GPU-seconds that were charged by settles, by project, and renders that ended."""
    with read(farm.connections.engine) as connection:
        rows = connection.execute(
            select(Render.project_id, func.sum(Attempt.gpu_seconds), func.count())
            .join(Attempt, Attempt.render_id == Render.id)
            .where(Attempt.gpu_seconds.is_not(None))
            .group_by(Render.project_id)
        ).all()
    return {project: float(seconds or 0.0) for project, seconds, _ in rows}, sum(count for _, _, count in rows)


if __name__ == "__main__":
    main()
