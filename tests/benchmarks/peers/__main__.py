"""The farm beside Celery, celery-batches, LitServe, Ray Serve and mosec: the same weights, servers and minutes.

    .venv/bin/python -m tests.benchmarks.peers [--rounds 5] [--scale 1.0] [--systems farm,celery] [--quick]

Every system stores its PNGs in the same S3 server and keeps a status of each picture; each has one worker with one
thread for torch. In each round every system has its turn, in alternating order, and every workload of it is timed
between two loops of bare diffusers. In the peers' favour: their rows of status are written by the harness in one
transaction, and they make neither thumbnail nor manifest. Goals compare medians over the rounds. A peer whose packages
cannot be fetched is left out, and said.
"""

import argparse
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.one_worker import cores
from tests.benchmarks.peers.bare import Bare, bare_diffusers
from tests.benchmarks.peers.environments import PACKAGES
from tests.benchmarks.peers.goals import judge
from tests.benchmarks.peers.servers import Servers, running_servers
from tests.benchmarks.peers.systems.celery_queues import CeleryBatches, CeleryBatches64, CeleryByUser, CeleryTasks
from tests.benchmarks.peers.systems.http_servers import LitServe, Mosec, RayServe
from tests.benchmarks.peers.systems.latent_farm import LatentFarm, LatentFarmCompiled
from tests.benchmarks.peers.systems.system import System
from tests.benchmarks.peers.workloads import Course
from tests.benchmarks.report import Report

#: Every system with what it is asked for: e(qual), m(ixed), u(rgent), s(econd user), k(illed).
SYSTEMS: dict[str, tuple[Callable[[Servers, Path], System], str]] = {
    "farm": (LatentFarm, "emusk"),
    "farm-compiled": (LatentFarmCompiled, "em"),
    "celery": (CeleryTasks, "emusk"),
    "celery-by-user": (CeleryByUser, "s"),
    "celery-batches": (CeleryBatches, "emusk"),
    "celery-batches-64": (CeleryBatches64, "em"),
    "litserve": (LitServe, "emusk"),
    "ray": (RayServe, "emusk"),
    "mosec": (Mosec, "emusk"),
}


def main() -> None:
    """Measure and write build/bench/peers.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of pictures")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="which; default: all")
    parser.add_argument("--workloads", default="emusk", help="which: equal, mixed, urgent, second user, killed")
    parser.add_argument("--quick", action="store_true", help="few samples: does it run?")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.scale = 1, 0.1
    names = asked.systems.split(",")
    configuration = {
        "rounds": asked.rounds,
        "scale": asked.scale,
        "systems": names,
        "workloads": asked.workloads,
        "cores": cores(),
        "peers": PACKAGES,
    }
    report = Report("peers", configuration)
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (
        tempfile.TemporaryDirectory(prefix="peers-") as folder,
        running_servers(Path(folder) / "servers") as servers,
        bare_diffusers() as bare,
    ):
        for turn in range(asked.rounds):
            for name in names if turn % 2 == 0 else reversed(names):
                figures = _turn(name, servers, Path(folder) / f"{name}-{turn}", bare, asked.scale, asked.workloads)
                for what, value in figures.items():
                    found[name][what].append(value)
    for name, samples in found.items():
        for what, values in samples.items():
            report.sample(f"{name}: {what}", values)
    judge(report, {name: {what: statistics.median(v) for what, v in it.items()} for name, it in found.items()})
    report.write()


def _turn(name: str, servers: Servers, folder: Path, bare: Bare, scale: float, asked: str) -> dict[str, float]:
    """What one system does of the workloads that are asked for, in one round; or until it broke off."""
    make, offered = SYSTEMS[name]
    workloads = set(offered) & set(asked)
    print(f"== {name}", flush=True)
    try:
        course = Course(make(servers, folder), bare)
    except subprocess.CalledProcessError as error:
        print(f"  left out: its packages cannot be fetched ({error})", flush=True)
        return {}

    def pictures(count: int) -> int:
        return max(16, round(count * scale))

    try:
        course.cold_start()
        if "e" in workloads:
            course.equal(pictures(200))
        if "m" in workloads:
            course.mixed(pictures(120))
        if "u" in workloads:
            course.urgent(pictures(150), max(5, round(10 * scale)))
        if "s" in workloads:
            course.second_user(pictures(300), 10)
        if "k" in workloads:
            course.killed(max(32, pictures(64)))
    except (RuntimeError, TimeoutError) as error:
        print(f"  broke off: {error}", flush=True)
    finally:
        course.system.stop()
    for what, value in course.figures.items():
        print(f"  {what:<40} {value:>8.3f}", flush=True)
    return course.figures


if __name__ == "__main__":
    main()
