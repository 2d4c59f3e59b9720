"""What torch makes of seeds: all that request validation lets through, and which of them draw the same."""

import torch

from farm.params import MAX_SEED
from farm.params.request.seeds import NOISE_BITS


def noise(seed: int) -> torch.Tensor:
    return torch.randn(8, generator=torch.Generator("cpu").manual_seed(seed))


def test_torch_takes_every_seed_and_its_noise_follows_from_the_lower_bits() -> None:
    for seed in (0, 7, 2**31, 2**53 + 1, 2**63, MAX_SEED):
        assert torch.equal(noise(seed), noise(seed % 2**NOISE_BITS))
    assert not torch.equal(noise(7), noise(7 + 2 ** (NOISE_BITS - 1)))
