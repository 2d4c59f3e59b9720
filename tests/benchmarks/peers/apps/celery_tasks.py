"""Plain Celery on Redis: a task a picture; one process, one task at a time, acknowledged when it is done."""

import os
from typing import Any

from celery import Celery, signals

from tests.benchmarks.peers.pictures import Picture

app = Celery("tasks", broker=os.environ["PEER_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    worker_proc_alive_timeout=300,  # of 4 s by default: a process that loads a model for longer is taken for dead
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # By default an hour: what a worker had that was killed whole would come back then.
        "visibility_timeout": 30,
        "queue_order_strategy": os.environ["PEER_QUEUE_ORDER"],
    },
)
_made: dict[str, Any] = {}


@signals.worker_process_init.connect
def load(**_: object) -> None:
    """In the process that renders."""
    from tests.benchmarks.peers.apps.storing import Storing, pipeline

    _made.update(storing=Storing(), pipeline=pipeline())


@app.task(name="render")
def render(picture: Picture) -> None:
    """One picture from prompt to stored."""
    _made["storing"].books.begin([picture])
    _made["storing"].keep([picture], _made["pipeline"].render([picture]))
