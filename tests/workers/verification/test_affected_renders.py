"""`farm verify --since`: which renders a LoRA may have touched that failed on their worker, and which it really did."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import SecretStr
from safetensors.torch import save
from typer.testing import CliRunner

from farm.accounts import create_project
from farm.catalog import Catalog
from farm.cli import build_app
from farm.connections import Connections
from farm.lifecycle import Outcome
from farm.settings import Settings
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.leases.settle import Settlement, settle
from scheduler.uploads import add_input
from tests.scheduler.conftest import START, TestClock, catalog, clock, connect
from tests.scheduler.jobs import POOL, claim_some, sign_on, submit_job
from tests.servers import S3
from tests.workers.orders import CPU
from workers.agent.artifact_uploader import ArtifactUploader
from workers.agent.leased_renders import LeasedRenders
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace
from workers.engine.step_loop import Engine
from workers.pipelines.load import Loaded, load
from workers.protocol import RenderBatch, Rendered, RenderOrder, adapter_file

__all__ = ["catalog", "clock"]
SMALL = {"width": 96, "height": 96, "num_inference_steps": 2, "seeds": [7]}
WEIGHTS = {
    "transformer.transformer_blocks.0.attn1.to_q.lora_A.weight": torch.ones(4, 96),
    "transformer.transformer_blocks.0.attn1.to_q.lora_B.weight": torch.ones(96, 4),
}


@pytest.fixture
def settings(database_url: str, s3: S3, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=SecretStr(database_url),
        s3_endpoint_url=s3.s3_endpoint_url,
        s3_access_key_id=s3.s3_access_key_id,
        s3_secret_access_key=s3.s3_secret_access_key,
    )


@pytest.fixture
def connections(settings: Settings, catalog: Catalog, clock: TestClock) -> Iterator[Connections]:
    with connect(settings, catalog, clock) as opened:
        sync_catalog(opened.engine, opened.catalog, clock())
        yield opened


@pytest.fixture(scope="module")
def model(catalog: Catalog) -> Loaded:
    torch.set_num_threads(1)  # its facts say with how many it renders
    return load(catalog.model("sana-demo"), None, CPU)


class Worker:
    """What a worker does with a render, one at a time; `secretly`: a LoRA file that it has on by mistake."""

    def __init__(self, connections: Connections, model: Loaded, folder: Path) -> None:
        self.id = sign_on(connections)
        self._connections, self._model, self._folder = connections, model, folder

    def claim(self) -> ClaimedRender:
        [render] = claim_some(self._connections, worker_id=self.id)
        return render

    def render(self, *, secretly: Path | None = None) -> str:
        """Claim, render, store and settle one; its id."""
        render = self.claim()
        order = RenderOrder(
            render.id, render.attempt, render.job_id, render.parameters, render.width, render.height, render.frames
        )
        if secretly is not None:
            digest = hashlib.sha256(secretly.read_bytes()).hexdigest()
            loras = [{"name": "left on", "weight": 1.0, "sha256": digest}]
            order = replace(
                order, parameters=order.parameters | {"loras": loras}, inputs={adapter_file(digest): str(secretly)}
            )
        engine = Engine(self._model.family, self._folder)
        engine.admit(RenderBatch("b", [order]))
        said: list[Any] = []
        while not engine.idle:
            said += engine.step()
        [rendered] = [message for message in said if isinstance(message, Rendered)]
        held_renders = LeasedRenders()
        held_renders.take("b", [render])
        settler = Settler(self._connections, held_renders, worker_id=self.id, pool=POOL)
        finisher = ArtifactUploader(
            self._connections,
            held_renders,
            settler,
            RetryingStorage(self._connections),
            DiskSpace(self._connections.steady),
            on_done=lambda _: None,
        )
        finisher.start()
        finisher.put(rendered, self._model.facts)
        finisher.stop()
        return render.id


def told(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and answers of `farm verify`."""
    result = CliRunner().invoke(build_app(), ["verify", *arguments, "--json"])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def test_an_operator_finds_what_the_lora_of_somebody_else_touched(
    connections: Connections,
    settings: Settings,
    clock: TestClock,
    model: Loaded,
    s3: S3,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a worker on which a render with a LoRA fails between others, and another worker,
    ada, bob = (create_project(connections.engine, name, clock=clock) for name in ("ada", "bob"))
    lora = tmp_path / "ink.safetensors"
    lora.write_bytes(save(WEIGHTS))
    uploaded, _ = add_input(connections, ada, "ink.safetensors", lora)
    here, elsewhere = (Worker(connections, model, tmp_path) for _ in range(2))
    done = dict[str, str]()

    def plain(name: str, worker: Worker, **how: Any) -> None:
        submit_job(connections, bob, 1, **SMALL, prompt=f"a red {name}")
        clock.forward(10)
        done[name] = worker.render(**how)

    plain("circle", here)
    clock.forward(10)
    submit_job(connections, ada, 1, **SMALL, loras=[{"name": uploaded.id, "weight": 1.0}])
    failed = here.claim()
    clock.forward(10)
    reason = "step 1 of 2: ValueError: Adapter name(s) {'a0'} not in the list of present adapters: {'a1'}."
    settle(connections.engine, [Settlement(failed.id, 1, Outcome.FAILED, reason, hopeless=True)], clock())
    # which had the LoRA of one before on for the next render, and then no more;
    plain("star", here, secretly=lora)
    plain("square", here)
    plain("triangle", elsewhere)

    # when an operator asks,
    for name, value in (s3.environment | {"FARM_DATABASE_URL": _url(settings)}).items():
        monkeypatch.setenv(name, value)
    since = datetime.fromtimestamp(START, UTC).isoformat()
    code, listed = told("--since", since, "--list")
    # then those after it on that worker are listed, and made again the spoilt one differs.
    assert (code, [one["render_id"] for one in listed]) == (0, [done["star"], done["square"]])
    assert {(one["project"], one["failed_render_id"]) for one in listed} == {("bob", failed.id)}
    code, made = told("--since", since)
    assert code == 1
    assert {one["render_id"]: one["differs"] for one in made} == {done["star"]: True, done["square"]: False}
    assert made[1]["verdict"] == "same bytes"
    # And where no LoRA had failed there is nothing to look at.
    later = datetime.fromtimestamp(clock.now, UTC).isoformat()
    assert told("--since", later) == (0, [])
    assert told("--since", since, "--until", since) == (0, [])


def test_it_is_asked_for_one_render_or_for_a_date() -> None:
    for wrong in ([], ["0198", "--since", "2026-11-01"], ["--since", "yesterday"]):
        assert told(*wrong)[0] == 2


def _url(settings: Settings) -> str:
    return settings.database_url.get_secret_value() if settings.database_url else ""
