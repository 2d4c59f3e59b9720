"""celery-batches: as many tasks as PEER_WINDOW or 20 ms; those that are alike share a call of the pipeline."""

import os
from typing import Any

from celery import Celery, signals
from celery_batches import Batches

WINDOW = int(os.environ["PEER_WINDOW"])
app = Celery("batches", broker=os.environ["PEER_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=2 * WINDOW,
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    worker_proc_alive_timeout=300,  # of 4 s by default: a process that loads a model for longer is taken for dead
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 30, "queue_order_strategy": os.environ["PEER_QUEUE_ORDER"]},
)
_made: dict[str, Any] = {}


@signals.worker_process_init.connect
def load(**_: object) -> None:
    """In the process that renders."""
    from tests.benchmarks.peers.apps.storing import Storing, pipeline

    _made.update(storing=Storing(), pipeline=pipeline())


@app.task(name="render", base=Batches, flush_every=WINDOW, flush_interval=0.02)
def render(requests: list[Any]) -> None:
    """What came within the window."""
    from tests.benchmarks.peers.apps.pipeline import alike

    for batch in alike([request.args[0] for request in requests]):
        _made["storing"].books.begin(batch)
        _made["storing"].keep(batch, _made["pipeline"].render(batch))
