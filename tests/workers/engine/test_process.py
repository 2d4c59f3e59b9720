"""A real engine process on the other end of a socket pair, with a tiny model that it loads from a folder."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import yaml

from tests.workers import tiny_pipelines
from tests.workers.orders import parameters, tiny_family
from workers.engine.process import Line, serve
from workers.engine.step_loop import Engine
from workers.protocol import (
    Alive,
    BatchEnded,
    DropRender,
    FromEngine,
    LoadFailed,
    Ready,
    RenderBatch,
    Rendered,
    RenderOrder,
    Stepped,
    Stop,
)

Message = TypeVar("Message", bound=FromEngine)


class EngineProcess:
    """The parent's side, as thin as a test needs it."""

    def __init__(self, environment: dict[str, str], spool: Path, *options: str) -> None:
        ours, theirs = socket.socketpair()
        command = [
            sys.executable,
            "-m",
            "workers.engine.process",
            "--pool",
            "tiny-pool",
            "--spool",
            str(spool),
            *options,
        ]
        with theirs:
            self.process = subprocess.Popen(
                [*command, "--fd", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
            )
        self.wire = Connection(ours.detach())
        self.heard: list[FromEngine] = []

    def hear(self, kind: type[Message]) -> Message:
        """Listen until a message of that kind comes."""
        while True:
            assert self.wire.poll(120), f"silence after {self.heard}"
            message = self.wire.recv()
            self.heard.append(message)
            if isinstance(message, kind):
                return message

    def end(self) -> tuple[int, str]:
        """Close the socket and wait: the exit status, and what was logged."""
        self.wire.close()
        _, log = self.process.communicate(timeout=240)
        return self.process.returncode, log


@pytest.fixture
def environment(tmp_path: Path, tiny_folder: Callable[[str], Path]) -> dict[str, str]:
    """The settings of a farm whose catalog has the tiny model and a pool for it."""
    entry = tiny_pipelines.entry("sana", tiny_folder("sana")).model_dump(mode="json", exclude_unset=True)
    catalog = tmp_path / "catalog.yaml"
    name = entry.pop("name")
    pools = {"tiny-pool": {"model": name, "max_batch": 4, "threads": 1, "device": "cpu"}}
    catalog.write_text(yaml.safe_dump({"models": {name: entry}, "pools": pools}))
    outside = {key: value for key, value in os.environ.items() if not key.startswith("FARM_")}
    return outside | {
        "FARM_CATALOG": str(catalog),
        "FARM_DATA_DIR": str(tmp_path / "data"),
        "FARM_LOG_FORMAT": "json",
    }


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def engine(environment: dict[str, str], spool: Path) -> Iterator[EngineProcess]:
    running = EngineProcess(environment, spool)
    yield running
    running.wire.close()
    running.process.kill()
    running.process.communicate()


def order(render_id: str, **changes: object) -> RenderOrder:
    return RenderOrder(render_id, 1, "job", parameters("sana", **changes), 32, 32, 1)


def test_it_loads_renders_a_batch_drops_one_and_ends_with_its_socket(engine: EngineProcess) -> None:
    # Given an engine that has loaded its model,
    facts = engine.hear(Ready).facts
    assert facts.model == "tiny-sana"
    assert facts.torch_threads == 1
    assert "transformer/diffusion_pytorch_model.safetensors" in facts.weight_sha256
    assert {"torch", "diffusers", "transformers"} <= facts.versions.keys()

    # and lets signals pass that are meant for its parent,
    engine.process.send_signal(signal.SIGTERM)
    engine.process.send_signal(signal.SIGINT)
    engine.hear(Alive)

    # when it is sent a batch, one render of which is dropped in the middle of its many steps,
    renders = [
        order("short", prompt="a secret plan"),
        order("dropped", sampler="euler", num_inference_steps=900),
    ]
    engine.wire.send(RenderBatch("b1", renders))
    while not any(step.render_id == "dropped" and step.step > 0 for step in engine.hear(Stepped).steps):
        pass
    engine.wire.send(DropRender("dropped", 1))
    engine.hear(BatchEnded)

    # then the other is rendered, and nothing is said about the dropped one;
    rendered = [message for message in engine.heard if isinstance(message, Rendered)]
    assert [message.render_id for message in rendered] == ["short"]
    pixels = np.load(rendered[0].pixels_path)
    assert (pixels.shape, pixels.dtype) == ((32, 32, 3), np.uint8)
    assert rendered[0].trace[0].batch_size == 2
    # and idle, it says that it lives.
    engine.hear(Alive)

    # When the parent closes its end, it exits cleanly, and its log never quoted a prompt.
    status, log = engine.end()
    assert status == 0
    assert "model loaded" in log
    assert "secret plan" not in log


@pytest.mark.long
def test_a_model_that_cannot_be_loaded_is_explained(environment: dict[str, str], spool: Path, tmp_path: Path) -> None:
    # Given a catalog whose model names a folder that is not there,
    catalog = Path(environment["FARM_CATALOG"])
    values = yaml.safe_load(catalog.read_text())
    values["models"]["tiny-sana"]["source"]["path"] = str(tmp_path / "nowhere")
    catalog.write_text(yaml.safe_dump(values))
    # when an engine is started,
    engine = EngineProcess(environment, spool)
    # then it says what is wrong and where, and exits.
    reason = engine.hear(LoadFailed).reason
    assert "tiny-sana" in reason
    assert str(tmp_path / "nowhere") in reason
    assert engine.end()[0] == 3


def test_stop_is_obeyed_between_two_steps(tmp_path: Path) -> None:
    ours, theirs = Pipe()
    family = tiny_family("sana")
    ours.send(RenderBatch("b1", [order("r1")]))
    ours.send(Stop())
    serve(Line(theirs), Engine(family, tmp_path))
    assert not ours.poll()


_GRANDCHILD = (
    "import time; from workers.engine.process import belong_to_parent as b; b(); print(1, flush=True); time.sleep(9**9)"
)
_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_GRANDCHILD!r}])"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the closing of the socket has to do")
def test_it_dies_with_its_parent_even_inside_a_long_pass() -> None:
    # Given an engine that looks at no socket (it is in a long pass, or loading),
    with subprocess.Popen([sys.executable, "-c", _CHILD], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"1\n"
        # when its parent is killed,
        parent.kill()
        # then it ends too: the pipe that both held is closed.
        assert parent.stdout.read() == b""
