"""Which pass of a training does what."""

from collections import Counter

import pytest

from tests.workers.training.trainings import training
from workers.training.turns import Turn, pass_at


@pytest.mark.parametrize(("steps", "every"), [(1, 1), (4, 2), (5, 2), (5, 9), (6, 6), (7, 6)])
@pytest.mark.parametrize("prior", [False, True])
def test_each_step_is_taken_once_with_samples_before_between_and_after(steps: int, every: int, prior: bool) -> None:
    plan = training(max_train_steps=steps, validation_steps=every, with_prior_preservation=prior, num_class_images=2)
    passes = [pass_at(plan, place) for place in range(plan.passes)]
    assert [found.step for found in passes if found.turn is Turn.TRAIN] == list(range(steps))
    drawn = Counter((found.turn, found.number) for found in passes if found.turn is not Turn.TRAIN)
    assert set(drawn.values()) == {plan.validation_inference_steps}
    assert [number for turn, number in drawn if turn is Turn.SAMPLE] == list(range(plan.samples))
    assert [number for turn, number in drawn if turn is Turn.CLASS] == list(range(2 if prior else 0))
    assert passes[0].turn is (Turn.CLASS if prior else Turn.SAMPLE)
    assert passes[-1].turn is Turn.SAMPLE
    before = [sum(found.turn is Turn.TRAIN for found in passes[:place]) for place in range(plan.passes)]
    firsts = [before[place] for place, found in enumerate(passes) if found.turn is Turn.SAMPLE and found.step == 0]
    assert firsts == [*range(0, steps, every), steps]
