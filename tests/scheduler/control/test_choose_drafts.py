"""Drafts: renders that stopped at a step go on when somebody keeps them, and their siblings end with the same call."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, NotFound
from farm.lifecycle import Outcome
from farm.quota_errors import BudgetSpent
from farm.storage import StoredFile
from farm.storage_keys import ArtifactKind, checkpoint_name
from farm.tables import Artifact, Project
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.control.cancel import cancel_render
from scheduler.control.choose_drafts import Chosen, Siblings, keep_drafts
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.forecasts.backlog import backlog
from scheduler.forecasts.queue_position import job_queue_position
from scheduler.forecasts.wait_reasons import job_reason
from scheduler.leases.checkpoint_rows import Checkpoint, keep, newest
from scheduler.leases.settle import Output, Settled, Settlement, settle
from scheduler.maintenance import expire_drafts
from tests.scheduler.jobs import (
    LANE,
    assert_invariants_hold,
    attempt_rows,
    claim_some,
    events,
    job_row,
    render_rows,
    settle_as,
    statuses,
    submit_job,
)

DAY = 86_400.0


def draft_all(connections: Connections, renders: list[ClaimedRender], step: int = 5) -> Settled:
    """The worker came to their step, and stored what each shows and where it goes on."""
    return settle(connections.engine, [_drafted(render, step) for render in renders], connections.clock())


def _drafted(render: ClaimedRender, step: int) -> Settlement:
    def output(kind: ArtifactKind, name: str) -> Output:
        return Output(kind, StoredFile(f"{render.id}/{render.attempt}/{name}", "image/png", 1, "0" * 64))

    files = [output(ArtifactKind.DRAFT, "draft.png"), output(ArtifactKind.CHECKPOINT, checkpoint_name(step))]
    return Settlement(render.id, render.attempt, Outcome.DRAFTED, gpu_seconds=1.0, artifacts=files)


def ids_of(connections: Connections, job: str) -> list[str]:
    return [row["id"] for row in render_rows(connections, job)]


def drafted_job(connections: Connections, project: str, renders: int, **fields: object) -> str:
    """A job all of whose renders stopped at step 5 of 20."""
    job = submit_job(connections, project, renders, num_inference_steps=20, stop_at_step=5, **fields)
    draft_all(connections, claim_some(connections))
    return job


class TestDrafted:
    def test_a_draft_waits_for_a_choice_and_its_job_stays_open(self, connections: Connections, project: str) -> None:
        job = drafted_job(connections, project, 2)

        row = render_rows(connections, job)[0]
        assert (row["status"], row["finished_at"], row["worker_id"], row["gpu_seconds"]) == ("drafted", None, None, 1.0)
        assert job_row(connections, job)["status"] == "open"
        assert events(connections, job)[-1][1:] == ("drafted", [0, 1])
        assert [attempt["outcome"] for attempt in attempt_rows(connections, job)] == ["drafted"] * 2
        assert claim_some(connections) == []
        assert_invariants_hold(connections, job)

    @pytest.mark.parametrize(("sampler", "part"), [("dpm++-2m", 5 / 20), ("heun", 10 / 39)])
    def test_a_draft_costs_the_passes_up_to_its_step_and_what_is_kept_the_rest(
        self, connections: Connections, project: str, sampler: str, part: float
    ) -> None:
        asked = {"num_inference_steps": 20, "sampler": sampler}
        whole = job_row(connections, submit_job(connections, project, 2, **asked))["estimate"]
        settle_as(connections, claim_some(connections), Outcome.DONE)
        job = drafted_job(connections, project, 2, sampler=sampler)
        assert job_row(connections, job)["estimate"] == pytest.approx(whole * part)

        keep_drafts(connections, job, ids_of(connections, job), project)

        assert job_row(connections, job)["estimate"] == pytest.approx(whole)
        assert render_rows(connections, job)[0]["estimate"] == pytest.approx(whole / 2 * (1 - part))

    def test_a_worker_that_says_it_twice_is_heard_once(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1, stop_at_step=5)
        [render] = claim_some(connections)
        for _ in range(2):
            assert draft_all(connections, [render]).accepted == [render.id]
        assert [kind for _, kind, _ in events(connections, job)] == ["submitted", "drafted"]

    def test_the_checkpoint_of_a_draft_takes_the_place_of_those_on_the_way(
        self, connections: Connections, project: str
    ) -> None:
        submit_job(connections, project, 1, stop_at_step=5)
        [render] = claim_some(connections)
        [row] = render_rows(connections, render.job_id)
        file = StoredFile(f"{render.id}/1/{checkpoint_name(2)}", "application/x-safetensors", 1, "1" * 64)
        keep(connections.engine, [Checkpoint(render.id, 1, file)], worker_id=row["worker_id"], now=1.0)

        assert draft_all(connections, [render]).replaced == [file.key]
        assert newest(connections.engine, [render.id])[render.id].key.endswith(checkpoint_name(5))

    def test_a_draft_without_a_checkpoint_is_none(self, connections: Connections, project: str) -> None:
        submit_job(connections, project, 1, stop_at_step=5)
        [render] = claim_some(connections)
        whole = _drafted(render, 5)

        with pytest.raises(ValueError, match="checkpoint"):
            replace(whole, artifacts=whole.artifacts[:1])

    def test_drafts_wait_for_people_and_so_no_worker_is_wanted_for_them(
        self, connections: Connections, project: str
    ) -> None:
        job = drafted_job(connections, project, 2)
        with read(connections.engine) as connection:
            assert backlog(connection, LANE, connections.clock()).renders == 0

            seen = job_queue_position(connection, connections, job, connections.clock())
        assert seen is not None
        assert seen.forecast is None
        assert job_reason(seen, {"normal": 1.0}, connections.clock()).kind == "drafted"

        keep_drafts(connections, job, ids_of(connections, job)[:1], project)
        with read(connections.engine) as connection:
            assert backlog(connection, LANE, connections.clock()).renders == 1


class TestKeep:
    def test_a_kept_draft_goes_on_from_its_checkpoint_and_does_not_stop_again(
        self, connections: Connections, project: str
    ) -> None:
        job = drafted_job(connections, project, 2)
        first = ids_of(connections, job)[0]

        assert keep_drafts(connections, job, [first], project) == Chosen(kept=1, stopped=0)

        assert statuses(connections, job) == ["pending", "drafted"]
        [again] = claim_some(connections)
        assert (again.id, again.attempt, again.parameters["stop_at_step"]) == (first, 3, None)
        assert first in newest(connections.engine, [first])
        settle_as(connections, [again], Outcome.DONE)
        assert statuses(connections, job) == ["done", "drafted"]
        assert [kind for _, kind, _ in events(connections, job)] == ["submitted", "drafted", "kept", "done"]
        assert_invariants_hold(connections, job)

    def test_keep_this_one_and_stop_its_siblings_is_one_call(self, connections: Connections, project: str) -> None:
        job = drafted_job(connections, project, 2, prompt=["a red circle", "a blue star"])
        first, second, *_ = ids_of(connections, job)

        assert keep_drafts(connections, job, [first], project, stop=Siblings.PROMPT) == Chosen(kept=1, stopped=1)
        assert statuses(connections, job) == ["pending", "cancelled", "drafted", "drafted"]
        assert keep_drafts(connections, job, [first], project, stop=Siblings.JOB) == Chosen(kept=0, stopped=2)
        assert statuses(connections, job) == ["pending", "cancelled", "cancelled", "cancelled"]
        with pytest.raises(Conflict, match="ended"):
            keep_drafts(connections, job, [second], project)
        assert_invariants_hold(connections, job)

    def test_nothing_is_kept_before_it_has_a_draft(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1, stop_at_step=5)
        with pytest.raises(Conflict, match="no draft yet"):
            keep_drafts(connections, job, ids_of(connections, job), project)

    def test_drafts_of_others_are_not_there(self, connections: Connections, project: str) -> None:
        job, other = drafted_job(connections, project, 1), submit_job(connections, project, 1)
        with pytest.raises(NotFound, match="no render"):
            keep_drafts(connections, other, ids_of(connections, job), project)
        with pytest.raises(NotFound):
            keep_drafts(connections, job, ids_of(connections, job), "01a20936-152b-75ce-80a1-dcf6f4b2b4a5")

    def test_what_is_kept_in_a_paused_job_waits_for_its_resume(self, connections: Connections, project: str) -> None:
        job = drafted_job(connections, project, 1)
        pause_job(connections, job, project)

        keep_drafts(connections, job, ids_of(connections, job), project)

        assert statuses(connections, job) == ["held"]
        assert claim_some(connections) == []
        resume_job(connections, job, project)
        assert len(claim_some(connections)) == 1

    def test_the_rest_of_a_draft_must_fit_the_budget(self, connections: Connections, project: str) -> None:
        job = drafted_job(connections, project, 1)
        with write(connections.engine) as connection:
            connection.execute(update(Project).where(Project.id == project).values(budget=0.0))

        with pytest.raises(BudgetSpent):
            keep_drafts(connections, job, ids_of(connections, job), project)
        assert statuses(connections, job) == ["drafted"]


class TestDropped:
    def test_a_dropped_draft_ends_its_job(self, connections: Connections, project: str) -> None:
        job = drafted_job(connections, project, 1)
        cancel_render(connections, ids_of(connections, job)[0], project)
        assert job_row(connections, job)["status"] == "cancelled"

    def test_a_draft_that_nobody_chose_expires_but_stays_to_be_seen(
        self, connections: Connections, project: str
    ) -> None:
        job, now = drafted_job(connections, project, 1), connections.clock()
        days = connections.settings.retain_draft_days

        assert expire_drafts.one_pass(connections, now + (days - 1) * DAY) == 0
        assert expire_drafts.one_pass(connections, now + (days + 1) * DAY) == 1

        assert statuses(connections, job) == ["expired"]
        with read(connections.engine) as connection:
            assert "draft" in connection.scalars(select(Artifact.kind)).all()
