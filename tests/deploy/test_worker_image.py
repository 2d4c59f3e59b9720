"""The image of workers, once somebody has built it: it renders, in a container that may do nothing.

    WORKER_IMAGE=localhost/latent-farm-worker-cpu:0.3.0 pytest -m long tests/deploy/test_worker_image.py

asks buildah for the image; docs/containers.md says how it is built. `KEEP_PICTURES_IN` may name a folder for what was
rendered, to look at.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from sqlalchemy import func, select

from deploy.audit.locked import IMAGES, read_lock
from farm import __version__
from farm.database import read
from farm.lifecycle import WorkerStatus
from farm.settings import Settings
from farm.tables import Worker
from tests.deploy.containers import Container, Image, container, unpacked
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.end_to_end.networks import Network, networks
from tests.end_to_end.relays import relayed
from tests.waiting import eventually

NAME = os.environ.get("WORKER_IMAGE")
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(NAME is None, reason="no image was built (WORKER_IMAGE)"),
]
PICTURES, CLIPS = "sana-demo-local", "wan-demo-local"
NO_WORKERS = f"""models:
  wan-demo: {{limits: {{steps: [1, 200]}}}}
pools:
  {PICTURES}: {{workers: 0, scaling: null}}
  sprint-demo-local: {{workers: 0, scaling: null}}
  {CLIPS}: {{workers: 0, scaling: null}}
"""
PICTURE = "a large red circle in the centre on a blue background"
CLIP = {"prompt": "a red circle moves right on a blue background", "seed": 7}
#: What Triton does before the first kernel of a GPU runs, but for its link with the driver.
BUILD_WHAT_STARTS_KERNELS = """
import pathlib, sys, triton.backends.nvidia.driver as driver
from triton.runtime.build import _build
source = pathlib.Path(driver.dirname, "driver.c")
_build("cuda_utils", str(source), "/tmp", [], driver.include_dirs, [], [])
"""
LONG = {"num_inference_steps": 200, "width": 128, "height": 128, "num_frames": 17, "sampler": "unipc"}

Start = Callable[..., AbstractContextManager[Container]]


def settings_of(folder: Path) -> Settings:
    settings = quick_settings(folder)
    settings.catalog[0].write_text(NO_WORKERS)
    return settings.model_copy(update={"checkpoint_seconds": 60.0, "drain_seconds": 20.0, "lease_seconds": 30.0})


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    yield from running_farm(tmp_path_factory.mktemp("image"), settings_of, postgres=True)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with unpacked(NAME or "") as found:
        yield found


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with networks([3]) as made:
        if not made:
            pytest.skip("a container needs a network of its own")
        yield made[0]


@pytest.fixture
def start(farm: RunningFarm, image: Image, network: Network, tmp_path: Path) -> Iterator[Start]:
    """Start a container by a command; each has the farm's addresses and a catalog, and nothing else of this machine."""
    state = tmp_path / "state"
    state.mkdir()
    shutil.copy(farm.connections.settings.catalog[0], state / "pools.yaml")
    ours = {name: text for name, text in farm.stack.environment.items() if name.startswith("FARM_")}
    with ExitStack() as relays:
        variables = ours | relayed(ours, network.ours, relays) | {"FARM_CATALOG": "/var/lib/latent-farm/pools.yaml"}
        del variables["FARM_DATA_DIR"]

        def start(*command: str) -> AbstractContextManager[Container]:
            return container(image, command, variables, network, state, tmp_path / "said")

        yield start


def when_ready(farm: RunningFarm, pool: str) -> None:
    """Wait until a worker of the pool has its model."""
    ready = select(func.count()).where(Worker.pool == pool, Worker.status == WorkerStatus.IDLE)

    def is_ready() -> bool:
        with read(farm.connections.engine) as connection:
            return bool(connection.scalar(ready))

    eventually(is_ready, timeout=1200)


def keep(name: str, content: bytes) -> None:
    if folder := os.environ.get("KEEP_PICTURES_IN"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, name).write_bytes(content)


def test_the_image_holds_the_packages_of_its_lock_and_no_other(image: Image) -> None:
    [name] = [one for one in IMAGES if one in str(NAME)]
    [folder] = image.root.glob("opt/latent-farm/lib/python*/site-packages")
    version = folder.parent.name.removeprefix("python")
    there = {"python_version": version, "python_full_version": f"{version}.0"}
    locked = {one.name: one.version for one in read_lock(name) if not one.marker or Marker(one.marker).evaluate(there)}
    held = {canonicalize_name(one.name): one.version for one in distributions(path=[str(folder)])}
    assert held.pop(canonicalize_name("latent-farm")) == __version__
    if name == "worker-cpu":
        assert held.pop(canonicalize_name("torch")).endswith("+cpu"), "by its index, not by the lock"
    assert held == locked
    assert not (folder / "torch/test").exists(), "programs that test torch"


@pytest.mark.skipif("worker-cuda" not in str(NAME), reason="of the image for GPUs")
def test_the_image_for_gpus_can_build_what_compiled_pools_need(image: Image, network: Network, tmp_path: Path) -> None:
    python = replace(image, entry_point=("tini", "--", "python3", "-c"))
    with container(python, [BUILD_WHAT_STARTS_KERNELS], {}, network, tmp_path / "state", tmp_path / "said") as built:
        assert built.process.wait(120) == 0, (tmp_path / "said").read_text()


def test_a_worker_of_the_image_renders_and_its_health_check_says_whether_it_is_at_work(
    farm: RunningFarm, start: Start
) -> None:
    with start("worker", "health") as check:
        assert check.process.wait(120) == 1, "nobody is at work"

    with start("worker", "--pool", PICTURES) as worker:
        when_ready(farm, PICTURES)
        job = farm.submit_and_wait("sana-demo", PICTURE, seed=1)
        [render] = farm.renders(job.id)
        picture = farm.picture(render.id)
        assert picture.size == (render.width, render.height)
        red, _, blue = picture.getpixel((picture.width // 2, picture.height // 2))
        assert red > 150 > blue, "a red circle in the centre"
        keep("picture.png", farm.file(render.id, "output"))

        with start("worker", "health") as check:
            assert check.process.wait(120) == 0
        assert worker.stop() == 0


def test_a_stop_in_the_middle_of_a_clip_saves_it_and_another_container_goes_on(farm: RunningFarm, start: Start) -> None:
    with start("worker", "--pool", CLIPS) as worker:
        when_ready(farm, CLIPS)
        job = farm.client.submit("wan-demo", **CLIP, **LONG)
        farm.when_stepping(job.id)
        assert worker.stop() == 0
    saved = [row.key for row in farm.artifacts(job.id) if row.kind == "checkpoint"]
    [render] = farm.renders(job.id)
    assert (render.status, len(saved)) == ("pending", 1)

    with start("worker", "--pool", CLIPS) as worker:
        eventually(lambda: farm.client.job(job.id).status == "done", timeout=1200)
        keep("clip.mp4", farm.file(render.id, "output"))
        assert worker.stop() == 0
    farm.assert_nothing_lost_or_doubled(job.id, renders=1)
    assert [attempt.outcome for attempt in farm.attempts(job.id)] == ["returned", "done"]
    assert len(farm.manifest(render.id)["steps"]) == LONG["num_inference_steps"]
