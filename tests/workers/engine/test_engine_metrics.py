"""What an engine reports for metrics: its passes as they were, what its cache had, and nothing twice."""

from collections.abc import Callable
from pathlib import Path

from tests.scheduler.conftest import TestClock
from tests.workers.engine.test_embedding_cache import MUCH, loaded
from tests.workers.orders import batch, order, run
from workers.engine.embedding_cache import EmbeddingCache
from workers.engine.engine_metrics import EVERY_SECONDS, Measuring
from workers.engine.step_loop import Engine
from workers.protocol import Rendered


def test_an_engine_reports_each_pass_once_with_its_renders_and_seconds(
    tiny_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    model, clock = loaded("sana", tiny_folder("sana")), TestClock(0.0)
    model.family.kept = cache = EmbeddingCache(model.facts, most_bytes=MUCH)
    engine = Engine(model.family, tmp_path)
    measuring = Measuring(engine.passes, cache, model.family.device, clock)
    engine.admit(batch([order(model.family, name) for name in ("r1", "r2", "r3")]))  # of the same prompt
    rendered = [message for message in run(engine) if isinstance(message, Rendered)]
    assert measuring.due() is None
    clock.forward(EVERY_SECONDS)

    measured = measuring.due()
    assert measured is not None
    assert sum(renders for renders, _ in measured.passes) == sum(len(one.trace) for one in rendered)
    assert max(renders for renders, _ in measured.passes) == max(step.batch_size for step in rendered[0].trace)
    spent = sum(one.seconds["steps"] for one in rendered)  # with each render's own sampler step
    assert 0 < sum(seconds for _, seconds in measured.passes) <= spent
    assert (measured.embeddings_found, measured.embeddings_encoded) == (2, 1)
    assert measured.memory == {}  # on a CPU

    clock.forward(EVERY_SECONDS)
    again = measuring.due()
    assert again is not None
    assert (again.passes, again.embeddings_found, again.embeddings_encoded) == ([], 0, 0)
