"""Turns: whoever asks for much waits, others are served, and nobody waits without an end."""

from collections.abc import Iterator
from contextlib import ExitStack
from threading import Thread

import pytest

from dashboard.serving.concurrency_limits import Turns
from farm.errors import Busy
from tests.waiting import eventually


@pytest.fixture
def turns() -> Turns:
    return Turns(at_once=2, each=1, waiting=2, seconds=0.01, text="come again")


@pytest.fixture
def taken() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_one_who_has_all_of_his_turns_is_told_to_come_again_while_another_is_served(
    turns: Turns, taken: ExitStack
) -> None:
    taken.enter_context(turns.of("ada"))
    with pytest.raises(Busy, match="come again"), turns.of("ada"):
        pass
    with turns.of("bob"):
        pass


def test_a_turn_that_ends_is_had_by_whoever_waits_for_it() -> None:
    turns, had = Turns(at_once=1, each=1, waiting=2, seconds=60.0, text="come again"), list[str]()

    def wait() -> None:
        with turns.of("bob"):
            had.append("bob")

    with turns.of("ada"):
        waiting = Thread(target=wait, daemon=True)
        waiting.start()
        assert not had
    eventually(lambda: had == ["bob"])


def test_a_turn_is_given_back_by_work_that_fails(turns: Turns) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="no"), turns.of("ada"):
            raise ValueError("no")
