"""A farm on two 'machines': on each a scheduler, a dashboard, a scorer and two workers, with a data folder of its own.

What they share is what machines share: PostgreSQL, Redis and the bucket. Each process is a fresh interpreter, as it is
where nobody forks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from farm.local import own_programs
from farm.local.ports import Ports
from farm.local.program import Program
from farm.local.stack import LocalStack

MACHINES = ("a", "b")
WORKERS_EACH = 2
POOL = "sana-demo-local"


def dashboard_urls(stack: LocalStack) -> list[str]:
    """Where the dashboards answer; the same at each call."""
    ports = Ports(stack.settings.data_dir / "machines.json")
    names = [f"dashboard-{machine}" for machine in MACHINES]
    return [f"http://127.0.0.1:{ports.known(name) or ports.take(name)}" for name in names]


def programs(stack: LocalStack) -> Sequence[Program]:
    """Of both machines; called once, by the stack that starts them."""
    found: list[Program] = []
    for machine, url in zip(MACHINES, dashboard_urls(stack), strict=True):
        folder = stack.settings.data_dir / f"machine-{machine}"
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        environment = stack.environment | {
            "FARM_DATA_DIR": str(folder),
            "FARM_DASHBOARD_PORT": url.rpartition(":")[2],
            "TMPDIR": str(folder / "tmp"),
        }
        found += _of_one(stack, machine, url, environment, folder)
    return found


def _of_one(
    stack: LocalStack, machine: str, url: str, environment: Mapping[str, str], folder: Path
) -> Sequence[Program]:
    names = [f"worker-{POOL}-{machine}{number}" for number in range(1, WORKERS_EACH + 1)]
    programs = [
        own_programs.scheduler(environment),
        own_programs.scorer(environment),
        *(own_programs.worker(environment, POOL, name, stack.engine, stack.pid) for name in names),
        own_programs.dashboard(environment, url),
    ]
    return [
        replace(one, name=one.name if one.name in names else f"{one.name}-{machine}", folder=folder, forked=False)
        for one in programs
    ]
