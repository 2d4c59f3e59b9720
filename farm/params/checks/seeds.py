"""How many seeds each prompt has, and which."""

from collections.abc import Callable

from farm.params.checks.collector import Checked, noticed, refused
from farm.params.request.job_request import JobRequest
from farm.params.request.seeds import NOISE_BITS, alike_in_noise, seed_number
from farm.params.request.submission import shown


def check_seeds(request: JobRequest, max_renders: int, draw_seed: Callable[[], int]) -> Checked[list[int]]:
    """The seeds of every prompt, those that the request leaves to the farm drawn; empty after a fault."""
    given = [name for name in ("seed", "seeds", "seed_count") if getattr(request, name) is not None]
    if len(given) > 1:
        return refused([], given[1], f"give one of seed, seeds and seed_count; seen {' and '.join(given)}")
    if request.seeds is not None:
        return _check_list(request.seeds, max_renders, draw_seed)
    if request.seed is not None:
        return [seed_number(request.seed, draw_seed)], ()
    count = request.seed_count or 1
    if count > max_renders:
        return refused([], "seed_count", f"a job has at most {max_renders:,} renders; seen {shown(count)}")
    return [draw_seed() for _ in range(count)], ()


def _check_list(sent: list[int | str], max_renders: int, draw_seed: Callable[[], int]) -> Checked[list[int]]:
    if not sent:
        return refused([], "seeds", "must hold at least one seed; seen an empty list")
    if len(sent) > max_renders:
        return refused([], "seeds", f"a job has at most {max_renders:,} renders; seen {len(sent):,} seeds")
    seeds = [seed_number(seed, draw_seed) for seed in sent]
    if same := alike_in_noise(seeds):
        text = f"{same[0]} and {same[1]} draw the same noise: torch takes the lower {NOISE_BITS} bits of a seed"
        return noticed(seeds, "seeds", text)
    return seeds, ()
