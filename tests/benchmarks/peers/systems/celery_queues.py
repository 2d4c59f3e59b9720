"""Celery on Redis, as people run it for this: a task a picture, or celery-batches."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from celery import Celery

from tests.benchmarks.peers.environments import python_of
from tests.benchmarks.peers.pictures import Picture
from tests.benchmarks.peers.servers import Servers
from tests.benchmarks.peers.systems.peer import Peer


class CeleryTasks(Peer):
    """prefork, one process, a queue for urgent pictures that goes first; one producer held open."""

    name = "Celery, a task a picture"
    app = "celery_tasks"
    #: Its own database of the Valkey, the queues that it consumes, and how it takes from them.
    database = 1
    queues = ("urgent", "normal", "bulk")
    order = "priority"
    window = 8

    def __init__(self, servers: Servers, folder: Path) -> None:
        super().__init__(servers, folder)
        address = servers.redis_url.partition("://")[2].partition("?")[0]
        broker = f"redis+socket://{address}?virtual_host={self.database}"
        self.variables |= {
            "PEER_BROKER": broker,
            "PEER_QUEUE_ORDER": self.order,
            "PEER_WINDOW": str(self.window),
        }
        self._app = Celery(broker=broker, set_as_current=False)
        self._app.conf.task_ignore_result = True
        self._connection = self._app.connection_for_write()
        self._producer = self._app.amqp.Producer(self._connection)
        self._connection.default_channel.client.flushdb()

    def start(self) -> None:
        module = f"tests.benchmarks.peers.apps.{self.app}"
        name = f"{self.app}-{os.getpid()}-{self.folder.name}@%h"
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning")
        run = ("-P", "prefork", "-c", "1", "-O", "fair", "-Q", ",".join(self.queues), "-n", name)
        self.run([self.python(), "-m", "celery", "-A", module, "worker", *run, *quiet], self.variables)

    def python(self) -> str:
        """Of its environment."""
        return sys.executable

    def ready(self) -> bool:
        return True  # the broker takes tasks before there is a worker

    def submit(
        self, pictures: Sequence[Picture], *, user: str = "one", urgent: bool = False, at_once: int = 0
    ) -> float:
        began = time.time()
        self.books.asked(pictures, user)
        for picture in pictures:
            self._app.send_task("render", [picture], queue=self.queue(user, urgent), producer=self._producer)
        return began

    def queue(self, user: str, urgent: bool) -> str:
        """Which queue a picture goes into."""
        return "urgent" if urgent else "normal"

    def stop(self) -> None:
        self._connection.release()
        super().stop()


class CeleryByUser(CeleryTasks):
    """A queue for each user, taken from in turns."""

    name = "Celery, a queue a user"
    database = 2
    queues = ("one", "another")
    order = "round_robin"

    def queue(self, user: str, urgent: bool) -> str:
        return user


class CeleryBatches(CeleryTasks):
    """What comes within 20 ms, up to eight, shares calls of the pipeline."""

    name = "celery-batches"
    app = "celery_batches_app"
    database = 3

    def python(self) -> str:
        return python_of("celery-batches")


class CeleryBatches64(CeleryBatches):
    """It looks at 64, so that more of a mixed backlog is alike."""

    name = "celery-batches of 64"
    database = 6
    window = 64
