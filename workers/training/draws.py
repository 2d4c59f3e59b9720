"""What a training draws by chance follows from its seed and the place alone: nothing of it has to be remembered."""

import hashlib

import torch


def generator(seed: int, what: str, number: int) -> torch.Generator:
    """A generator on the CPU for one purpose, the same on every machine and after every interruption."""
    digest = hashlib.sha256(f"{seed} {what} {number}".encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def chosen(seed: int, what: str, count: int, first: int, size: int) -> list[int]:
    """Which of `count` examples are at the places `first` … `first + size - 1`: all of them in each round, in an
    order of its own.
    """
    rounds: dict[int, list[int]] = {}
    found = []
    for place in range(first, first + size):
        number, within = divmod(place, count)
        if number not in rounds:
            rounds[number] = torch.randperm(count, generator=generator(seed, what, number)).tolist()
        found.append(rounds[number][within])
    return found
