"""The farm, as `farm up` starts it, with one worker of one demo model; as shipped, and with a pool's own settings."""

import json
import socket
import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import psutil

from farm.accounts import create_key, create_project
from farm.database import make_engine
from farm.settings import Settings
from tests.benchmarks.peers.pictures import Picture
from tests.benchmarks.peers.systems.system import System

POOL = "sana-demo-local"
BUCKET = "farm"
#: Submissions that a client keeps open.
_CLIENTS = 8
_ONLY = "  sprint-demo-local: {workers: 0, scaling: null}\n  wan-demo-local: {workers: 0, scaling: null}\n"
_RENDERS = 'SELECT id, {} FROM renders WHERE job_id = ? ORDER BY "index"'


class LatentFarm(System):
    """SQLite, the shared Valkey and S3; a project for each user, normal class for all but urgent ones."""

    name = "latent-farm"
    #: What the catalog says of the pool beyond what is shipped.
    pool_settings = ""
    database = 4

    def start(self) -> None:
        overlay = self.folder / "pools.yaml"
        overlay.write_text("pools:\n" + _ONLY + (f"  {POOL}: {self.pool_settings}\n" if self.pool_settings else ""))
        self._data, self._port = self.folder / "data", free_port()
        variables = {
            "FARM_CATALOG": str(overlay),
            "FARM_REDIS_URL": self.servers.redis_url.replace("db=0", f"db={self.database}"),
            "FARM_S3_ENDPOINT_URL": self.servers.s3_url,
            "FARM_S3_ACCESS_KEY_ID": self.servers.access_key,
            "FARM_S3_SECRET_ACCESS_KEY": self.servers.secret_key,
            "FARM_S3_BUCKET": BUCKET,
        }
        command = [sys.executable, "-m", "farm", "up", "--data", str(self._data), "--port", str(self._port)]
        self.run([*command, "--workers", f"{POOL}=1"], variables)
        self._clients: dict[str, httpx.Client] = {}
        self._jobs: dict[str, list[str]] = {}

    def ready(self) -> bool:
        if not self._clients:
            try:
                # A request before anybody listens would take more of the processor than what is waited for.
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                httpx.get(f"http://127.0.0.1:{self._port}/readyz", timeout=2, trust_env=False).raise_for_status()
                key = json.loads((self._data / "client.json").read_text())["key"]
            except (OSError, httpx.HTTPError):
                return False
            engine = make_engine(Settings(data_dir=self._data))
            other = create_key(engine, create_project(engine, "another"), name="another").secret
            engine.dispose()
            self._clients = {"one": self._client(key), "another": self._client(other)}
            self._books = sqlite3.connect(f"file:{self._data}/farm.sqlite3?mode=ro", uri=True, check_same_thread=False)
        return True

    def _client(self, key: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}/api/v1", headers=headers, timeout=60, trust_env=False
        )

    def submit(
        self, pictures: Sequence[Picture], *, user: str = "one", urgent: bool = False, at_once: int = 0
    ) -> float:
        began = time.time()
        with ThreadPoolExecutor(_CLIENTS) as threads:
            list(threads.map(lambda same: self._post(user, urgent, same), _jobs_of(pictures)))
        return began

    def _post(self, user: str, urgent: bool, same: Sequence[Picture]) -> None:
        first = same[0]
        body = {
            "model": "sana-demo",
            "prompt": [picture["prompt"] for picture in same],
            "seed": first["seed"],
            "width": first["width"],
            "height": first["height"],
            "num_inference_steps": first["steps"],
            "guidance_scale": first["guidance"],
            "sampler": first["sampler"],
            "class": "urgent" if urgent else "normal",
        }
        answer = self._clients[user].post("/jobs", json=body)
        answer.raise_for_status()
        self._jobs[answer.json()["job"]["id"].replace("-", "")] = [picture["id"] for picture in same]

    def finished(self, ids: Iterable[str]) -> dict[str, float]:
        wanted, found = set(ids), {}
        for job_id, names in self._jobs.items():
            if wanted.isdisjoint(names):
                continue
            rows = self._books.execute(_RENDERS.format("status, finished_at, reason"), (job_id,))
            for name, (_, status, at, reason) in zip(names, rows, strict=True):
                if status == "done":
                    found[name] = at
                elif status in {"failed", "cancelled"}:
                    self.failed[name] = reason or status
        return {name: at for name, at in found.items() if name in wanted}

    def doubled(self, ids: Iterable[str]) -> int:
        query = "SELECT count(*) FROM attempts WHERE outcome = 'done' AND render_id = ?"
        return sum(self._books.execute(query, (self._render(name),)).fetchone()[0] > 1 for name in ids)

    def stored(self, name: str) -> bytes:
        query = "SELECT key FROM artifacts WHERE kind = 'output' AND render_id = ?"
        [key] = self._books.execute(query, (self._render(name),)).fetchone()
        return self.servers.stored(BUCKET, key)

    def _render(self, name: str) -> str:
        job_id, names = next((job_id, names) for job_id, names in self._jobs.items() if name in names)
        return str(self._books.execute(_RENDERS.format("status"), (job_id,)).fetchall()[names.index(name)][0])

    def kill_renderer(self) -> None:
        for process in self.processes():
            with suppress(psutil.Error):
                if process.name().startswith("engine-"):
                    process.kill()


class LatentFarmCompiled(LatentFarm):
    """With what an operator may set for the pool: compiled blocks, warmed at the start."""

    name = "latent-farm, compiled"
    pool_settings = "{compile: true, warm_up: true}"
    database = 5


def _jobs_of(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """A job has one seed for all its prompts here: pictures that differ in nothing but the prompt share one."""
    jobs: dict[tuple[object, ...], list[Picture]] = {}
    for picture in pictures:
        jobs.setdefault(tuple(value for name, value in picture.items() if name not in {"id", "prompt"}), []).append(
            picture
        )
    return list(jobs.values())


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
