"""What became of one attempt at a render, as spans below the submission of its job."""

import time
from collections.abc import Iterator

from farm.lifecycle import Outcome
from farm.traces.tracer import SUBMIT, Span
from workers.agent.leased_renders import LeasedRender
from workers.protocol import Drafted, Rendered


def stored_spans(
    held: LeasedRender, made: Rendered | Drafted, *, began: float, pool: str, now: float
) -> Iterator[Span]:
    """Of one that was stored just now: all of it, and its stages. `began`: when storing began, monotonic; `now`: by the
    farm's clock.

    The engine says how long its stages took and the parent saw when they began and ended; a render that was parked
    steps for as long as it would have without.
    """
    outcome = Outcome.DONE if isinstance(made, Rendered) else Outcome.DRAFTED
    facts = {"farm.gpu_seconds": made.gpu_seconds, "farm.batch.renders": made.trace[-1].batch_size if made.trace else 0}
    yield attempt_span(held, outcome, pool=pool, now=now, facts=facts)
    steady = time.monotonic()
    stages = {"wait": (held.claimed_at - held.render.waited, held.claimed_at), "store": (began, steady)}
    left, stepping = held.left_engine_at or began, held.stepping_since
    if stepping is not None:
        decoding = max(stepping, left - made.seconds.get("decode", 0.0))
        stages |= {
            "encode": (stepping - made.seconds.get("encode", 0.0), stepping),
            "steps": (stepping, decoding),
            "decode": (decoding, left),
        }
    for stage, (begin, end) in stages.items():
        whole = _key(held)
        yield Span(stage, held.render.job_id, f"{whole}/{stage}", now - (steady - begin), now - (steady - end), whole)


def attempt_span(
    held: LeasedRender, outcome: Outcome, *, pool: str, now: float, facts: dict[str, float] | None = None
) -> Span:
    """All of an attempt that ends now, from the submission of its render on; never with what was asked for."""
    render = held.render
    attributes: dict[str, str | int | float] = {
        "farm.render.id": render.id,
        "farm.render.index": render.index,
        "farm.attempt": render.attempt,
        "farm.batch.id": held.batch_id,
        "farm.pool": pool,
        "farm.lane": render.lane,
        "farm.outcome": outcome.value,
    }
    begin = now - (time.monotonic() - held.claimed_at) - render.waited
    failed = outcome is Outcome.FAILED
    return Span("render", render.job_id, _key(held), begin, now, SUBMIT, attributes | (facts or {}), failed)


def _key(held: LeasedRender) -> str:
    return f"{held.render.id}/{held.render.attempt}"
