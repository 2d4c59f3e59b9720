"""Scores as rows: asked for, claimed by one process at a time, written once."""

from typing import Any

import pytest
from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.lifecycle import Outcome
from farm.tables import Score
from scheduler.gallery.scores import (
    MOST_TRIES,
    ScoreResult,
    ask_for_scores,
    claim_scores,
    count_pending,
    extend_leases,
    release_scores,
    write_scores,
)
from scheduler.maintenance.old_files import remove_old_jobs
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import LEASE_SECONDS, claim_some, render_rows, settle_as, submit_job


def done_renders(connections: Connections, project: str, count: int) -> list[str]:
    job = submit_job(connections, project, count)
    settle_as(connections, claim_some(connections), Outcome.DONE)
    return [row["id"] for row in render_rows(connections, job)]


def rows(connections: Connections) -> list[Any]:
    with read(connections.engine) as connection:
        return list(connection.execute(select(*Score.__table__.c).order_by(Score.render_id, Score.scorer)))


def test_what_is_asked_for_is_scored_once_and_asked_for_again_only_where_it_failed(
    connections: Connections, project: str
) -> None:
    renders = done_renders(connections, project, 2)

    def ask(again: bool = False) -> int:
        return ask_for_scores(connections.engine, project, renders, ["sharpness"], connections.clock(), again=again)

    assert (ask(), ask()) == (2, 0)
    claimed, served = claim_scores(connections.engine, connections.clock(), lease_seconds=LEASE_SECONDS, most=8)
    assert served == project
    assert {one.render_id for one in claimed} == set(renders)
    assert all(one.key and one.key.endswith(".png") and one.frames == 1 for one in claimed), claimed
    assert claim_scores(connections.engine, connections.clock(), lease_seconds=LEASE_SECONDS, most=8)[0] == []
    results = [ScoreResult(1.5, "latent-farm 0"), ScoreResult(reason="it is black")]
    assert write_scores(connections.engine, list(zip(claimed, results, strict=True)), connections.clock()) == 2
    by_render = {row.render_id: row for row in rows(connections)}
    first, second = (by_render[one.render_id] for one in claimed)
    assert (first.status, first.value, first.made_by, first.reason) == ("done", 1.5, "latent-farm 0", None)
    assert (second.status, second.value, second.reason) == ("failed", None, "it is black")
    # What failed is tried again; what is there only where somebody says so.
    assert ask() == 1
    assert [row.status for row in rows(connections)].count("pending") == 1
    assert ask(again=True) == 1
    with read(connections.engine) as connection:
        assert count_pending(connection, project) == 2


def test_a_process_whose_lease_ran_out_says_nothing_any_more(
    connections: Connections, project: str, clock: TestClock
) -> None:
    ask_for_scores(connections.engine, project, done_renders(connections, project, 1), ["a"], clock(), again=False)
    [first], _ = claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=1)
    assert (
        claim_scores(connections.engine, clock.forward(LEASE_SECONDS - 1), lease_seconds=LEASE_SECONDS, most=1)[0] == []
    )
    [second], _ = claim_scores(connections.engine, clock.forward(2), lease_seconds=LEASE_SECONDS, most=1)
    assert (first.tries, second.tries) == (1, 2)
    assert write_scores(connections.engine, [(first, ScoreResult(1.0))], clock()) == 0
    assert write_scores(connections.engine, [(second, ScoreResult(2.0))], clock()) == 1
    assert write_scores(connections.engine, [(second, ScoreResult(3.0))], clock()) == 0
    assert [row.value for row in rows(connections)] == [2.0]


def test_who_is_still_at_it_keeps_what_it_has_claimed(connections: Connections, project: str, clock: TestClock) -> None:
    ask_for_scores(connections.engine, project, done_renders(connections, project, 2), ["a"], clock(), again=False)
    claimed, _ = claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=2)
    assert write_scores(connections.engine, [(claimed[0], ScoreResult(1.0))], clock()) == 1
    for _ in range(3):
        extend_leases(connections.engine, claimed, clock.forward(LEASE_SECONDS - 1), LEASE_SECONDS)
    assert claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=2)[0] == []
    assert write_scores(connections.engine, [(claimed[1], ScoreResult(2.0))], clock()) == 1
    # A lease that ran out and was taken by another one is not extended by the first.
    ask_for_scores(connections.engine, project, [one.render_id for one in claimed], ["b"], clock(), again=False)
    lost, _ = claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=2)
    clock.forward(LEASE_SECONDS + 1)
    [taken], _ = claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=2)
    extend_leases(connections.engine, lost, clock(), 10 * LEASE_SECONDS)
    [row] = [row for row in rows(connections) if (row.render_id, row.scorer) == (taken.render_id, "b")]
    assert row.lease_until == clock() + LEASE_SECONDS


def test_what_a_process_held_when_it_ended_is_tried_one_by_one_and_only_what_ended_it_is_blamed(
    connections: Connections, project: str, clock: TestClock
) -> None:
    ask_for_scores(connections.engine, project, done_renders(connections, project, 5), ["a"], clock(), again=False)
    poison = rows(connections)[2].render_id
    deaths = 0
    while claimed := claim_scores(
        connections.engine, clock.forward(LEASE_SECONDS + 1), lease_seconds=LEASE_SECONDS, most=4
    )[0]:
        for one in claimed:
            if one.render_id == poison and one.tries <= MOST_TRIES:
                deaths += 1  # of the process: it writes no more, and gives nothing back
                break
            said = ScoreResult(reason="it ended the process") if one.tries > MOST_TRIES else ScoreResult(1.0)
            write_scores(connections.engine, [(one, said)], clock())
    assert deaths == MOST_TRIES
    assert [row.render_id for row in rows(connections) if row.status == "failed"] == [poison]


def test_a_score_may_be_asked_for_again_any_number_of_times(
    connections: Connections, project: str, clock: TestClock
) -> None:
    renders = done_renders(connections, project, 1)
    for time in range(2 * MOST_TRIES):
        ask_for_scores(connections.engine, project, renders, ["a"], clock(), again=True)
        [one], _ = claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=1)
        assert one.tries == 1
        assert write_scores(connections.engine, [(one, ScoreResult(float(time)))], clock()) == 1


def test_what_is_given_back_is_claimed_at_once_and_counts_as_no_try(
    connections: Connections, project: str, clock: TestClock
) -> None:
    ask_for_scores(connections.engine, project, done_renders(connections, project, 1), ["a"], clock(), again=False)
    claimed, _ = claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=1)
    release_scores(connections.engine, claimed)
    [again], _ = claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=1)
    assert again.tries == 1


def test_projects_take_turns_however_much_one_has_asked_for(
    connections: Connections, project: str, other_project: str, clock: TestClock
) -> None:
    many, few = done_renders(connections, project, 6), done_renders(connections, other_project, 1)
    ask_for_scores(connections.engine, project, many, ["a"], clock(), again=False)
    ask_for_scores(connections.engine, other_project, few, ["a"], clock.forward(1), again=False)
    served: list[str] = []
    after = None
    for _ in range(3):
        _, after = claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=2, after=after)
        served.append(after)
    assert other_project in served[:2]
    assert served.count(project) == 2


@pytest.mark.parametrize("count", [0, 3])
def test_a_render_that_is_removed_takes_its_scores_along(
    connections: Connections, project: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    renders = done_renders(connections, project, 3)
    ask_for_scores(connections.engine, project, renders[:count], ["a"], connections.clock(), again=False)
    connections.settings = connections.settings.model_copy(update={"retain_days": 1.0})
    monkeypatch.setattr(connections.storage, "delete", lambda keys: None)
    for _ in range(3):
        remove_old_jobs.one_pass(connections, connections.clock() + 2 * 86_400)
    assert rows(connections) == []
