"""What people write in place of a farm's API: `python -m tests.benchmarks.flask_celery PORT BROKER FILE`.

One Flask endpoint, on the web server that the dashboard runs on. It checks a key, the model and the prompt, keeps a
row of the task in SQLite (as the dashboard does: WAL, no fsync at each commit) so that somebody can ask what became of
it, and calls `apply_async` with a connection held open. `?row=no` keeps none: the task is in Redis only.
"""

import json
import sqlite3
import sys
import uuid
from typing import Any

from celery import Celery
from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication

KEY = "lf_a-key-of-this-benchmark"
LONGEST_PROMPT = 2000


def make_app(broker: str, file: str) -> Flask:
    """The endpoint and its task, which nobody takes."""
    celery = Celery("flask", broker=broker, set_as_current=False)
    celery.conf.update(task_ignore_result=True, task_default_queue="nobody")
    task = celery.task(name="render")(_render)
    rows = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    rows.execute("PRAGMA journal_mode = WAL").fetchall()
    rows.execute("PRAGMA synchronous = NORMAL")
    rows.execute("CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, request TEXT, status TEXT)")
    app = Flask("peer")

    @app.post("/jobs")
    def post_jobs() -> Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return Response(status=401)
        asked: Any = request.get_json()
        if asked.get("model") != "sana-demo" or not 0 < len(asked.get("prompt", "")) <= LONGEST_PROMPT:
            return Response(status=422)
        task_id = str(uuid.uuid4())
        if request.args.get("row") != "no":
            rows.execute("INSERT INTO tasks VALUES (?, ?, 'pending')", (task_id, json.dumps(asked)))
        with celery.producer_pool.acquire(block=True) as producer:
            task.apply_async((asked,), task_id=task_id, producer=producer)
        return Response(json.dumps({"id": task_id}), status=201, content_type="application/json")

    return app


def _render(document: dict[str, Any]) -> None:
    """What the task would do."""


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def load_config(self) -> None:
        for name, value in {"bind": f"127.0.0.1:{sys.argv[1]}", "workers": 1, "worker_class": "gevent"}.items():
            self.cfg.set(name, value)
        self.cfg.set("control_socket_disable", True)

    def load(self) -> Flask:
        return make_app(*sys.argv[2:4])


if __name__ == "__main__":
    _Server().run()
