"""Worker processes for `idle_start`: `python -m tests.benchmarks.idle_worker ring|noop POOL`.

ring: the farm's own ring worker and feeder, with an engine that only says when it got a batch; noop: a plain Celery
worker with a task that says the time. Settings come from the environment, as a farm's worker gets them.
"""

import sys
import threading
import time

from celery import Celery

from farm.broker import broker_url, make_app
from farm.connections import Connections
from farm.logs import configure_logging
from farm.ring_consumer import serve_rings
from farm.settings import Settings, load_settings
from tests.workers.scripted import ScriptedEngine, ScriptedWorker
from workers.agent.leased_renders import LeasedRenders

NOOP_QUEUE = "noop"


class SayingEngine(ScriptedEngine):
    """Says when each batch came, and is done with it at once."""

    def __init__(self, held_renders: LeasedRenders) -> None:
        super().__init__(held_renders)

    def send(self, message: object) -> bool:
        """After the claim's commit: the time is what the whole way took, and a little more."""
        at = time.monotonic()
        super().send(message)
        print(self.ids(-1)[0], repr(at), flush=True)
        self.sent.clear()
        threading.Timer(0.001, self.end).start()
        return True


def make_noop(settings: Settings) -> Celery:
    """Celery at its fastest, with results: its usual prefetch listens all the time."""
    assert settings.redis_url is not None
    url = settings.redis_url.get_secret_value()
    app = make_app(settings)
    app.conf.update(
        result_backend=broker_url(url), task_ignore_result=False, result_expires=60, worker_disable_prefetch=False
    )
    app.task(name="noop")(_nothing)
    return app


def _nothing() -> float:
    """What the task does: it says when it ran, by the clock that all processes of a machine share."""
    return time.monotonic()


def main(kind: str, pool: str) -> None:
    """Serve until SIGTERM."""
    settings = load_settings()
    configure_logging(settings)
    if kind == "noop":
        make_noop(settings).Worker(
            hostname=f"noop@{pool}",
            queues=[NOOP_QUEUE],
            pool="threads",
            concurrency=1,
            without_gossip=True,
            without_mingle=True,
            quiet=True,
        ).start()
        return
    with Connections.open(settings) as connections:
        worker = ScriptedWorker(connections, pool, sys.argv[3], engine=SayingEngine)

        def look() -> None:
            worker.feeder.work_until_empty()

        serve_rings(
            settings,
            pool=pool,
            worker_name="bench",
            on_ring=look,
            on_drain=worker.feeder.drain,
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
