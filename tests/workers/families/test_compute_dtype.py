"""What a model computes in is asked of it once, and again when it was converted."""

import torch
from torch import nn

from workers.families.compute_dtype import compute_dtype


class Asked(nn.Linear):
    """Counts how often it was asked."""

    asked = 0

    @property
    def dtype(self) -> torch.dtype:
        self.asked += 1
        return self.weight.dtype


def test_a_model_is_asked_for_its_dtype_once_and_again_after_it_was_converted() -> None:
    model = Asked(2, 2)
    assert [compute_dtype(model) for _ in range(3)] == [torch.float32] * 3
    model.to(torch.bfloat16)
    assert [compute_dtype(model) for _ in range(3)] == [torch.bfloat16] * 3
    assert model.asked == 2
