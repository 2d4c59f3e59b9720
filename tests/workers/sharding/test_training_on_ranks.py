"""A LoRA is trained on several ranks as on one device: the same LoRA but for rounding, as interruptible, as mortal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.workers.orders import tiny_family
from tests.workers.sharding.test_sharding import (
    Compare,
    Folders,
    clip,
    compare,
    other_rank,
    running_group,
    until_it_steps,
)
from tests.workers.training.trainings import clips, training_order
from workers.protocol import (
    GROUP_LOST,
    Checkpointed,
    ParkedRenders,
    ParkRenders,
    RenderBatch,
    Rendered,
    ResumeRenders,
    SaveCheckpoints,
)
from workers.sharding.learning import own_gradient, rows_of

__all__ = ["compare"]  # a fixture

#: Of losses, relative, and of the LoRA's weights, of the largest that was learnt. One row in a product rounds otherwise
#: than several, and AdamW makes steps of one size of gradients of any.
LOSSES, WEIGHTS = 1e-5, 1e-3


def close(found: dict[str, Any], losses: float = LOSSES, weights: float = WEIGHTS) -> None:
    one, other = found["losses"]
    assert len(one) == 4
    assert other == pytest.approx(one, rel=losses)
    assert found["apart"] <= weights * found["learnt"], found
    # Interrupted and gone on with it is the same to the bit, and its last sample is what a render with it is: to a
    # level of 255, or as nearly as on one device, where renders have a bfloat16 copy of what is learnt in float32.
    assert found["resumed"] == [True, True]
    alone, on_ranks = found["rendered"]
    assert on_ranks <= max(1, 2 * alone)


def test_two_ranks_learn_what_one_device_does(compare: Compare, tiny_folder: Folders) -> None:
    # Three examples of two shapes do not go round: one rank computes one that counts elsewhere.
    close(compare("wan", tiny_folder("wan"), "weights", 2, "float32", {"clips": True, "train_batch_size": 3}))


@pytest.mark.long
@pytest.mark.parametrize(
    ("family", "devices", "changes"),
    [
        ("sana", 2, {"gradient_checkpointing": True}),
        ("sana", 2, {"with_prior_preservation": True}),
        ("sana", 4, {"train_batch_size": 4, "target_modules": ["conv_inverted", "conv_point", "to_q"]}),
        ("sana-video", 2, {"clips": True}),
        ("wan", 2, {"clips": True, "pictures": [], "train_batch_size": 1, "gradient_checkpointing": True}),
        ("wan-i2v", 2, {"clips": True, "pictures": []}),
        ("wan22", 2, {"clips": True, "pictures": [], "expert": "low-noise"}),
        ("wan22-ti2v", 2, {"clips": True, "pictures": []}),
    ],
)
def test_ranks_learn_what_one_device_does(
    compare: Compare, tiny_folder: Folders, family: str, devices: int, changes: dict[str, Any]
) -> None:
    close(compare(family, tiny_folder(family), "weights", devices, "float32", changes))


@pytest.mark.long
@pytest.mark.parametrize(
    ("family", "dtype", "changes"),
    [
        ("sana", "float32", {"with_prior_preservation": True, "optimizer": "adamw-8bit", "rank": 256}),
        ("wan", "bfloat16", {"clips": True, "train_batch_size": 4, "gradient_checkpointing": True}),
    ],
)
def test_ranks_learn_about_the_same_in_coarser_numbers(
    compare: Compare, tiny_folder: Folders, family: str, dtype: str, changes: dict[str, Any]
) -> None:
    # What falls on the other side of a step of these is a step apart; gone on with it is still the same to the bit.
    close(compare(family, tiny_folder(family), "weights", 2, dtype, changes), losses=1e-2, weights=1.0)


@pytest.mark.long
def test_a_training_whose_rank_is_killed_goes_on_in_another_group_and_gives_way_to_what_is_urgent(
    tiny_folder: Folders, tmp_path: Path
) -> None:
    asked = training_order(tiny_family("wan"), clips=clips(), pictures=(), max_train_steps=24, validation_steps=12)
    # Given a training on two ranks that has been saved on its way,
    (tmp_path / "first").mkdir()
    with running_group(tmp_path / "first", tiny_folder, "weights") as group:
        group.wire.send(RenderBatch("b1", [asked]))
        until_it_steps(group, "t1")
        group.wire.send(SaveCheckpoints(["t1"]))
        saved = group.hear(Checkpointed)
        # when the other rank is killed,
        other_rank(group).kill()
        _, log = group.process.communicate(timeout=240)
        # then the group ends as a whole, and says why;
        assert group.process.returncode == GROUP_LOST
        assert "rank 1 ended with status -9" in log
    (tmp_path / "second").mkdir()
    with running_group(tmp_path / "second", tiny_folder, "weights") as group:
        # another one goes on from what was saved,
        group.wire.send(RenderBatch("b1", [replace(asked, attempt=2, checkpoint=saved.path)]))
        rest = group.hear(Rendered)
        assert rest.first_step == saved.step > 0
        # and comes to the bits of one that is undivided but for a clip that it is parked for.
        group.wire.send(RenderBatch("b2", [replace(asked, attempt=3)]))
        until_it_steps(group, "t1")
        group.wire.send(ParkRenders(["t1"]))
        assert group.hear(ParkedRenders).render_ids == ["t1"]
        group.wire.send(RenderBatch("b3", [clip("urgent")]))
        assert group.hear(Rendered).render_id == "urgent"
        group.wire.send(ResumeRenders(["t1"]))
        whole = group.hear(Rendered)
    assert (whole.render_id, whole.losses) == ("t1", rest.losses)
    assert Path(str(whole.adapter_path)).read_bytes() == Path(str(rest.adapter_path)).read_bytes()


@pytest.mark.parametrize("rows", range(1, 9))
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_each_row_counts_once_and_all_ranks_compute_as_many(rows: int, ranks: int) -> None:
    parts = [rows_of(rows, rank, ranks) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    whole = torch.arange(1.0, rows + 1).view(-1, 1)
    counted = torch.zeros(rows)
    for rank, part in enumerate(parts):
        mine = own_gradient(whole, rank, ranks).flatten()
        for row, gradient in zip(part, mine.tolist(), strict=True):
            counted[row] += gradient
    assert torch.equal(counted, whole.flatten())
