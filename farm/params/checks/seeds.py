"""How many seeds each prompt has, and which."""

from collections.abc import Callable

from farm.params.checks.collector import Checked, noticed, refused
from farm.params.request.job_request import JobRequest
from farm.params.request.seeds import NOISE_BITS, alike_in_noise, seed_number
from farm.params.request.submission import shown
from farm.sentences import Sentence, sentence


def check_seeds(request: JobRequest, max_renders: int, draw_seed: Callable[[], int]) -> Checked[list[int]]:
    """The seeds of every prompt, those that the request leaves to the farm drawn; empty after a fault."""
    given = [name for name in ("seed", "seeds", "seed_count") if getattr(request, name) is not None]
    if len(given) > 1:
        return refused(
            [], given[1], sentence("give one of seed, seeds and seed_count; seen %(given)s", given=" and ".join(given))
        )
    if request.seeds is not None:
        return _check_list(request.seeds, max_renders, draw_seed)
    if request.seed is not None:
        return [seed_number(request.seed, draw_seed)], ()
    count = request.seed_count or 1
    if count > max_renders:
        return refused([], "seed_count", _most(max_renders, shown(count)))
    return [draw_seed() for _ in range(count)], ()


def _most(max_renders: int, seen: str) -> Sentence:
    return sentence("a job has at most %(most)s renders; seen %(seen)s", most=f"{max_renders:,}", seen=seen)


def _check_list(sent: list[int | str], max_renders: int, draw_seed: Callable[[], int]) -> Checked[list[int]]:
    if not sent:
        return refused([], "seeds", sentence("must hold at least one seed; seen an empty list"))
    if len(sent) > max_renders:
        return refused([], "seeds", _most(max_renders, sentence("%(count)s seeds", count=f"{len(sent):,}")))
    seeds = [seed_number(seed, draw_seed) for seed in sent]
    if same := alike_in_noise(seeds):
        text = sentence(
            "%(one)s and %(other)s draw the same noise: torch takes the lower %(bits)s bits of a seed",
            one=same[0], other=same[1], bits=NOISE_BITS,
        )  # fmt: skip
        return noticed(seeds, "seeds", text)
    return seeds, ()
