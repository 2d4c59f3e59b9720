"""A model on several devices renders what it renders on one, and a group of ranks lives and dies as one."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
import yaml
from diffusers import WanTransformer3DModel

from farm.catalog import PoolEntry, Sharding
from farm.catalog.schema import ModelEntry
from tests.workers import tiny_pipelines
from tests.workers.engine.test_process import EngineProcess
from tests.workers.orders import CPU, order, parameters, pixels_of, render, tiny_family
from workers.families.base import Refused
from workers.pipelines.load import LoadingFailed, load
from workers.protocol import (
    GROUP_LOST,
    BatchEnded,
    Checkpointed,
    DropRender,
    ParkedRenders,
    ParkRenders,
    Ready,
    RenderBatch,
    Rendered,
    RenderOrder,
    ResumeRenders,
    SaveCheckpoints,
    Stepped,
)
from workers.sharding.broadcast import put_together, slots_of, take_apart
from workers.sharding.layer_placement import lay_out, spread

Folders = Callable[[str], Path]
Compare = Callable[..., dict[str, Any]]
#: Of latents in float32. With fewer tokens in a product its sums may be made in another order.
TOLERANCE = 1e-5


# The same result.


@pytest.fixture(scope="module")
def compare() -> Iterator[Compare]:
    """Renders on one device and on several, in processes of their own."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.workers.sharded"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, said = process.stdin, process.stdout
        assert asked is not None
        assert said is not None

        def ask(family: str, folder: Path, by: str, devices: int, dtype: str, *training: Any) -> dict[str, Any]:
            asked.write(json.dumps([family, str(folder), by, devices, dtype, *training]) + "\n")
            asked.flush()
            answer: dict[str, Any] = json.loads(said.readline())
            assert "failed" not in answer, answer
            return answer

        yield ask
        asked.close()


@pytest.fixture(scope="session")
def four_heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Wan whose attention four ranks can share."""
    pipeline = tiny_pipelines.build("wan")
    config = dict(pipeline.transformer.config) | {"num_attention_heads": 4}
    torch.manual_seed(5)
    pipeline.register_modules(transformer=WanTransformer3DModel.from_config(config).eval())
    folder = tmp_path_factory.mktemp("four-heads")
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.mark.long  # four processes on few cores
def test_four_ranks_with_a_part_of_the_weights_and_of_the_tokens_each_render_what_one_does(
    compare: Compare, four_heads: Path
) -> None:
    found = compare("wan", four_heads, "weights+sequence", 4, "float32")
    assert max(found["differences"].values()) <= TOLERANCE
    assert found["kept"] < found["parameters"] / 3
    assert found["noted"] == 0  # nothing grows from pass to pass


@pytest.mark.long
@pytest.mark.parametrize(
    ("family", "by", "devices", "dtype"),
    [
        ("wan", "sequence", 2, "float32"),
        ("wan", "sequence", 4, "float32"),
        ("wan", "weights", 2, "bfloat16"),
        ("wan", "weights", 4, "float32"),
        ("wan", "weights+sequence", 2, "float32"),
        ("sana", "weights", 2, "float32"),
        ("sana", "weights", 4, "bfloat16"),
        ("sprint", "weights", 2, "bfloat16"),
        ("wan-i2v", "sequence", 2, "float32"),
        ("wan-i2v", "weights", 2, "bfloat16"),
        ("wan-flf2v", "sequence", 2, "float32"),
        ("wan-flf2v", "weights", 2, "float32"),
        ("wan-vace", "weights", 2, "float32"),
        ("wan-animate", "weights", 2, "float32"),
        ("wan-animate", "weights", 2, "bfloat16"),
        ("wan22", "sequence", 2, "float32"),
        ("wan22", "weights+sequence", 2, "float32"),
        ("wan22", "weights", 2, "bfloat16"),
        ("wan22-i2v", "sequence", 2, "float32"),
        ("wan22-i2v", "weights", 2, "float32"),
        ("wan22-ti2v", "sequence", 2, "float32"),
        ("wan22-ti2v", "weights", 2, "bfloat16"),
        ("sana-controlnet", "weights", 2, "float32"),
        ("sana-video", "weights", 2, "float32"),
        ("sana-video-720p", "weights", 2, "float32"),
    ],
)
def test_ranks_render_what_one_does_and_without_a_split_sequence_the_same_bits(
    compare: Compare, tiny_folder: Folders, four_heads: Path, family: str, by: str, devices: int, dtype: str
) -> None:
    folder = four_heads if family == "wan" else tiny_folder(family)
    found = compare(family, folder, by, devices, dtype)
    assert max(found["differences"].values()) <= (TOLERANCE if "sequence" in by else 0.0)
    assert (found["kept"] < found["parameters"]) == ("weights" in by)


QUICK = ("sana", "sprint", "wan", "wan-animate", "wan-vace", "wan22")


@pytest.mark.parametrize(
    "family",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in tiny_pipelines.SAMPLERS],
)
def test_layers_on_several_devices_render_the_same_bits(family: str, tmp_path: Path) -> None:
    whole, parted = tiny_family(family), tiny_family(family)
    for name in parted.experts.values():
        spread(getattr(parted.pipeline, name), [CPU, CPU])
    one, other = (pixels_of(render(found, tmp_path, [order(found)]))["r1"] for found in (whole, parted))
    assert np.array_equal(one, other)


def test_layers_are_laid_out_in_their_order_and_in_equal_shares() -> None:
    devices = [torch.device("cuda", index) for index in range(2)]
    transformer = tiny_pipelines.build("wan").transformer
    places = lay_out(transformer, devices)
    assert [places[f"blocks.{index}"].index for index in range(2)] == [0, 1]
    assert places["patch_embedding"].index == 0
    assert places["proj_out"].index == 1
    assert {name.split(".")[0] for name in places} == {name for name, _ in transformer.named_children()}


def test_a_call_comes_together_again_as_it_was_taken_apart() -> None:
    first, second = torch.zeros(2, 3), torch.ones(1, dtype=torch.bfloat16)
    call = {"hidden_states": first, "more": [None, ("text", second)], "return_dict": False}
    tensors: list[torch.Tensor] = []
    form = take_apart(call, tensors)
    assert [slot.shape for slot in slots_of(form)] == [(2, 3), (1,)]
    assert put_together(form, iter(tensors)) == call


# What cannot be split.


@pytest.mark.parametrize(
    ("family", "sharding", "said"),
    [
        ("sana", {"by": "sequence", "devices": 2}, "no plan to split the sequence of SanaTransformer2DModel"),
        ("wan", {"by": "sequence", "devices": 4}, "has 2 attention heads, which 4 ranks cannot share"),
    ],
)
def test_a_model_that_cannot_be_split_so_is_not_loaded(
    tiny_folder: Folders, family: str, sharding: dict[str, Any], said: str
) -> None:
    pool = PoolEntry(name="p", model=f"tiny-{family}", sharding=Sharding(**sharding))
    with pytest.raises(LoadingFailed) as failed:
        load(tiny_pipelines.entry(family, tiny_folder(family)), pool, CPU)
    assert said in str(failed.value)


def test_a_clip_that_does_not_divide_fails_alone_where_the_catalog_has_changed_since_it_was_admitted() -> None:
    family = tiny_family("wan", sequence_parts=8)
    family.prepare(order(family))  # 2 latent frames of 2 x 2 tokens
    with pytest.raises(Refused, match="4 tokens, which its workers cannot split into 8"):
        family.prepare(order(family, num_frames=1))


# A group lives and dies as one.


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Folders) -> Iterator[EngineProcess]:
    """An engine process of two ranks, which has loaded. The last test ends it."""
    with running_group(tmp_path_factory.mktemp("group"), tiny_folder, "weights+sequence") as running:
        yield running


@contextmanager
def running_group(tmp_path: Path, tiny_folder: Folders, by: str) -> Iterator[EngineProcess]:
    """An engine process of two ranks with the tiny Wan, which has loaded."""
    entry = wan_entry(tiny_folder).model_dump(mode="json", exclude_unset=True)
    name = entry.pop("name")
    sharding = {"by": by, "devices": 2}
    pools = {"tiny-pool": {"model": name, "threads": 1, "device": "cpu", "sharding": sharding}}
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(yaml.safe_dump({"models": {name: entry}, "pools": pools}))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FARM_")}
    environment |= {"FARM_CATALOG": str(catalog), "FARM_DATA_DIR": str(tmp_path / "data"), "OMP_NUM_THREADS": "1"}
    running = EngineProcess(environment, tmp_path / "spool")
    running.hear(Ready)
    yield running
    running.wire.close()
    running.process.kill()
    running.process.communicate()


def wan_entry(tiny_folder: Folders) -> ModelEntry:
    return tiny_pipelines.entry("wan", tiny_folder("wan"))


def clip(render_id: str, **changes: object) -> RenderOrder:
    return RenderOrder(render_id, 1, "job", parameters("wan", **changes), 32, 32, 5)


def other_rank(group: EngineProcess) -> psutil.Process:
    """The process beside rank 0."""
    [found] = [
        child for child in psutil.Process(group.process.pid).children() if "workers.sharding.rank" in child.cmdline()
    ]
    return found


def until_it_steps(group: EngineProcess, render_id: str) -> None:
    while not any(step.render_id == render_id and step.step > 0 for step in group.hear(Stepped).steps):
        pass


def test_a_render_joins_another_is_dropped_and_the_ranks_go_on_together(
    group: EngineProcess, tiny_folder: Folders, tmp_path: Path
) -> None:
    # Given a long render that steps on two ranks,
    group.wire.send(RenderBatch("b1", [clip("long", sampler="euler", num_inference_steps=59)]))
    until_it_steps(group, "long")
    # when another joins it, and the first is dropped in its middle,
    group.wire.send(RenderBatch("b2", [clip("joined", seed=12)]))
    joined = group.hear(Rendered)
    group.wire.send(DropRender("long", 1))
    group.hear(BatchEnded)
    # then the second shared its passes, and a third, alone again, is as on one device;
    assert (joined.render_id, joined.trace[0].batch_size) == ("joined", 2)
    group.wire.send(RenderBatch("b3", [clip("alone", seed=12)]))
    alone = group.hear(Rendered)
    assert alone.render_id == "alone"
    assert [step.batch_size for step in alone.trace] == [1, 1, 1]
    whole = load(wan_entry(tiny_folder), None, CPU).family
    [expected] = pixels_of(render(whole, tmp_path, [clip("alone", seed=12)])).values()
    for message in (alone, joined):
        assert np.abs(np.load(message.pixels_path).astype(int) - expected).max() <= 1


def test_a_render_on_two_ranks_is_parked_and_saved_and_goes_on_as_on_one_device(
    group: EngineProcess, tiny_folder: Folders, tmp_path: Path
) -> None:
    # Given a long render that steps on two ranks,
    long = clip("long", sampler="euler", num_inference_steps=40)
    group.wire.send(RenderBatch("b5", [long]))
    until_it_steps(group, "long")
    # when it is parked while another renders, goes on, is saved, and goes on once more from what was saved,
    group.wire.send(ParkRenders(["long"]))
    assert group.hear(ParkedRenders).render_ids == ["long"]
    group.wire.send(RenderBatch("b6", [clip("urgent")]))
    assert [step.batch_size for step in group.hear(Rendered).trace] == [1, 1, 1]
    group.wire.send(ResumeRenders(["long"]))
    group.wire.send(SaveCheckpoints(["long"]))
    saved = group.hear(Checkpointed)
    group.wire.send(DropRender("long", 1))
    group.wire.send(RenderBatch("b7", [replace(long, attempt=2, checkpoint=saved.path)]))
    rendered = group.hear(Rendered)
    # then it took the steps that were left, and is what one device makes of it.
    assert (rendered.render_id, rendered.attempt, rendered.first_step) == ("long", 2, saved.step)
    assert 0 < saved.step < 40
    whole = load(wan_entry(tiny_folder), None, CPU).family
    [expected] = pixels_of(render(whole, tmp_path, [long])).values()
    assert np.abs(np.load(rendered.pixels_path).astype(int) - expected).max() <= 1


def test_kill_9_of_a_rank_inside_a_pass_ends_the_group_at_once_and_leaves_no_process(group: EngineProcess) -> None:
    group.wire.send(RenderBatch("b4", [clip("lost", sampler="euler", num_inference_steps=59)]))
    until_it_steps(group, "lost")
    rank = other_rank(group)
    # Given a rank that has stopped, so that rank 0 waits for it inside a collective,
    rank.suspend()
    time.sleep(0.5)
    # when it is killed,
    rank.kill()
    # then the engine ends, and says why.
    _, log = group.process.communicate(timeout=240)
    assert group.process.returncode == GROUP_LOST
    assert "rank 1 ended with status -9" in log
    assert not rank.is_running()


@pytest.mark.long
def test_a_rank_ends_when_rank_0_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        rank = subprocess.Popen(
            [sys.executable, "-m", "workers.sharding.rank", "--fd", str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )
    ours.close()
    assert rank.wait(timeout=120) == 0
