"""Which arrangement of a model fits on which GPUs: sums of what lies on the busiest of them. Pure.

In the order in which they cost speed. The text encoder stays beside the model if there is room, else it is in host
memory between prompts (then it is there while no step runs, so the larger of the two counts), else on the CPU.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from workers.memory_planning.requirements import Needs

#: Kept free on each GPU: the CUDA context, workspaces of cuBLAS and cuDNN, the encoder's own activations, and what the
#: allocator cannot use for being in pieces. A rule of thumb.
RESERVE = 2 * 10**9


@dataclass(frozen=True)
class Term:
    """Bytes on the busiest GPU, and what they are."""

    size: int
    what: str


@dataclass(frozen=True)
class Arrangement:
    """One way to place a model: what lies on the busiest GPU, the GPU's size, and the settings of a pool."""

    name: str
    terms: Sequence[Term]
    memory: int  # bytes of the GPU
    pool: dict[str, Any] = field(default_factory=dict)
    host: int = 0  # bytes of weights in host memory
    refusal: str | None = None  # why it cannot be, however large the GPUs

    @property
    def needed(self) -> int:
        return sum(term.size for term in self.terms)

    @property
    def fits(self) -> bool:
        return self.refusal is None and self.needed <= self.memory


def arrangements(needs: Needs, gpus: Sequence[int]) -> list[Arrangement]:
    """Every way that is considered, the best first; of the places of the text encoder the first that fits."""
    return [_first_that_fits(list(_with_text_encoder(base, needs, gpus))) for base in _bases(needs, gpus)]


def _first_that_fits(variants: list[Arrangement]) -> Arrangement:
    return next((variant for variant in variants if variant.fits), variants[-1])


@dataclass(frozen=True)
class _Base:
    """An arrangement before the text encoder has its place."""

    name: str
    weights: Sequence[Term]
    activity: Term
    memory: int
    pool: dict[str, Any] = field(default_factory=dict)
    host: int = 0
    refusal: str | None = None
    spare: int = 0  # GPUs that nothing is on


def _bases(needs: Needs, gpus: Sequence[int]) -> Iterator[_Base]:
    largest, several = gpus[0], len(gpus)
    transformer, vae = needs.transformer, _beside(needs)
    work = _work(needs)
    yield _Base("on one GPU", [Term(transformer.size, _named(needs)), vae], work, largest, spare=several - 1)
    if several > 1:
        yield from _sharded(needs, gpus, vae)
    for name, weights in needs.quantized.items():
        pool = {"quantization": {"transformer": name}}
        terms = [Term(weights.size, f"{_named(needs)} in {name}"), vae]
        yield _Base(f"{name} weights", terms, work, largest, pool, spare=several - 1)
    # Diffusers brings the next block while one works.
    near = Term(2 * transformer.block + transformer.outside, f"two blocks of the {_named(needs)} and what is in none")
    yield _Base(
        "transformer in host memory",
        [near, vae],
        work,
        largest,
        {"offload": "blocks"},
        transformer.size,
        None,
        several - 1,
    )


def _named(needs: Needs) -> str:
    return "transformer" if needs.transformers == 1 else "transformers"


def _beside(needs: Needs) -> Term:
    """The VAE, and what else lies on each GPU that has a transformer."""
    others = [
        name for name in needs.parts if name not in ("text_encoder", "vae") and not name.startswith("transformer")
    ]
    what = " and ".join(["VAE", *(name.replace("_", " ") for name in others)])
    return Term(sum(needs.parts[name].size for name in ("vae", *others)), what)


def _sharded(needs: Needs, gpus: Sequence[int], vae: Term) -> Iterator[_Base]:
    """The model on all GPUs; the smallest of them is the measure."""
    ranks, smallest = len(gpus), gpus[-1]
    transformer, activity = needs.transformer, needs.activity
    decode = Term(activity.decode, "decoding")
    work = _work(needs)
    part = Term(ceil(transformer.size / ranks), f"1/{ranks} of the {_named(needs)}")
    gathered = Term(2 * transformer.block + transformer.outside, "two gathered blocks and what is in none")
    step = Term(ceil(activity.step / ranks), f"1/{ranks} of a step")
    split = step if step.size >= decode.size else decode
    refusal = _why_not_split(needs, ranks)

    def pool(by: str) -> dict[str, Any]:
        return {"sharding": {"by": by, "devices": ranks}}

    yield _Base(
        f"weights and sequence over {ranks} GPUs",
        [part, gathered, vae],
        split,
        smallest,
        pool("weights+sequence"),
        0,
        refusal,
    )
    yield _Base(
        f"sequence over {ranks} GPUs",
        [Term(transformer.size, _named(needs)), vae],
        split,
        smallest,
        pool("sequence"),
        0,
        refusal,
    )
    yield _Base(f"weights over {ranks} GPUs", [part, gathered, vae], work, smallest, pool("weights"))
    inside = transformer.size - transformer.outside
    most = ceil(round(inside / transformer.block / needs.transformers) / ranks)  # blocks of each
    of_each = "" if needs.transformers == 1 else " of each"
    share = Term(needs.transformers * most * transformer.block + transformer.outside, f"blocks 1…{most}{of_each}")
    yield _Base(f"layers over {ranks} GPUs", [share, vae], work, smallest, pool("layers"))


def _why_not_split(needs: Needs, ranks: int) -> str | None:
    if not needs.splits_sequence:
        return "diffusers has no plan to split the tokens of this model"
    if needs.heads % ranks:
        return f"{needs.heads} attention heads do not divide by {ranks}"
    if needs.activity.tokens % ranks:
        return f"{needs.activity.tokens} tokens do not divide by {ranks}"
    return None


def _work(needs: Needs) -> Term:
    """A step or a decoding, whichever needs more: they take turns."""
    activity = needs.activity
    return Term(activity.step, "a step") if activity.step >= activity.decode else Term(activity.decode, "decoding")


def _with_text_encoder(base: _Base, needs: Needs, gpus: Sequence[int]) -> Iterator[Arrangement]:
    encoder = needs.parts["text_encoder"].size
    reserve = Term(RESERVE, "reserve")

    def placed(place: str, terms: Sequence[Term], host: int, why: str | None = None) -> Arrangement:
        pool = base.pool if place == "resident" else base.pool | {"text_encoder": place}
        name = base.name if place == "resident" else f"{base.name}, text encoder {_PLACES[place]}"
        return Arrangement(name, [*terms, reserve], base.memory, pool, base.host + host, base.refusal or why)

    yield placed("resident", [*base.weights, Term(encoder, "text encoder"), base.activity], 0)
    if base.spare:
        too_small = None if encoder + RESERVE <= gpus[1] else "the text encoder does not fit on the second GPU"
        yield placed("cuda:1", [*base.weights, base.activity], 0, too_small)
    larger = max(base.activity, Term(encoder, "the text encoder, while it works"), key=lambda term: term.size)
    yield placed("host", [*base.weights, larger], encoder)
    yield placed("cpu", [*base.weights, base.activity], encoder)


_PLACES = {"cuda:1": "on the second GPU", "host": "in host memory between prompts", "cpu": "on the CPU"}
