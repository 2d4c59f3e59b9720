"""Class, order and lane of work that waits: it goes where it is put, what runs ends where it is, charges stay right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from farm.catalog import Catalog, PoolEntry
from farm.connections import Connections
from farm.database import read
from farm.errors import Conflict, InvalidRequest, NotFound, UnknownModel
from farm.lifecycle import Outcome
from farm.tables import Charge, Flow
from scheduler.control.cancel import cancel_job
from scheduler.control.change_model import transfer_job
from scheduler.control.change_priority_class import change_class
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.reorder import Place, Ranked, new_ranks, reorder_job
from tests.scheduler.jobs import (
    assert_invariants_hold,
    claim_some,
    events,
    job_row,
    render_rows,
    settle_as,
    statuses,
    submit_job,
)

NOBODY = "018f0000-0000-7000-8000-000000000000"


def class_of(connections: Connections, flow_id: str) -> str:
    with read(connections.engine) as connection:
        return connection.execute(select(Flow.class_name).where(Flow.id == flow_id)).scalar_one()


def next_jobs(connections: Connections, count: int) -> list[str]:
    """Whose renders a worker with one slot gets, one after the other."""
    return [claim_some(connections, 1)[0].job_id for _ in range(count)]


class TestClass:
    def test_what_waits_gets_the_new_class_and_what_runs_keeps_its_own(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 4)
        running = claim_some(connections, 1)

        assert change_class(connections, job, "urgent", project) == 3

        classes = [class_of(connections, row["flow_id"]) for row in render_rows(connections, job)]
        assert classes == ["normal", "urgent", "urgent", "urgent"]
        assert class_of(connections, job_row(connections, job)["flow_id"]) == "urgent"
        assert len(claim_some(connections)) == 3
        settle_as(connections, running, Outcome.DONE)
        assert events(connections, job)[1][1:] == ("reclassed", [1, 2, 3])
        assert_invariants_hold(connections, job)

    def test_charges_go_to_the_flow_in_which_a_render_was_claimed(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 4)
        running = claim_some(connections, 2)
        change_class(connections, job, "bulk", project)
        rest = claim_some(connections)
        settle_as(connections, [*running, *rest], Outcome.DONE)

        with read(connections.engine) as connection:
            charged = dict(
                connection.execute(
                    select(Flow.class_name, func.sum(Charge.gpu_seconds))
                    .join(Charge, Charge.flow_id == Flow.id)
                    .group_by(Flow.class_name)
                ).all()
            )
        assert charged == {"normal": pytest.approx(2.0), "bulk": pytest.approx(2.0)}  # a second for each render

    def test_it_is_moved_in_chunks_and_asking_again_does_the_rest(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 2_200)

        assert change_class(connections, job, "bulk", project) == 2_200
        assert change_class(connections, job, "bulk", project) == 0

        assert [len(indexes) for _, kind, indexes in events(connections, job) if kind == "reclassed"] == [
            1_000,
            1_000,
            200,
        ]

    def test_held_renders_go_along_and_are_released_in_the_new_class(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 3)
        pause_job(connections, job, project)
        change_class(connections, job, "urgent", project)
        assert claim_some(connections) == []

        resume_job(connections, job, project)

        assert len(claim_some(connections)) == 3

    def test_wrong_classes_ended_jobs_and_jobs_of_others_are_refused(
        self, connections: Connections, project: str, other_project: str
    ) -> None:
        job = submit_job(connections, project, 1)
        with pytest.raises(InvalidRequest, match="urgent"):
            change_class(connections, job, "urgnt", project)
        with pytest.raises(NotFound):
            change_class(connections, job, "bulk", other_project)
        cancel_job(connections, job, project)
        with pytest.raises(Conflict, match="cancelled"):
            change_class(connections, job, "bulk", project)


class TestOrder:
    def test_a_job_goes_to_the_front_and_to_the_back(self, connections: Connections, project: str) -> None:
        first, second, third = (submit_job(connections, project, 1) for _ in range(3))
        reorder_job(connections, third, project, place=Place.FRONT)
        reorder_job(connections, first, project, place=Place.BACK)

        assert next_jobs(connections, 3) == [third, second, first]
        assert events(connections, third)[1][1:] == ("reordered", [])

    def test_a_job_goes_right_before_another_one(self, connections: Connections, project: str) -> None:
        jobs = [submit_job(connections, project, 1) for _ in range(4)]
        reorder_job(connections, jobs[3], project, before=jobs[1])
        reorder_job(connections, jobs[0], project, before=jobs[2])

        assert next_jobs(connections, 4) == [jobs[3], jobs[1], jobs[0], jobs[2]]

    def test_only_jobs_of_one_line_have_an_order(self, connections: Connections, project: str) -> None:
        job, other = submit_job(connections, project, 1), submit_job(connections, project, 1, **{"class": "bulk"})
        with pytest.raises(Conflict, match="line"):
            reorder_job(connections, job, project, before=other)
        with pytest.raises(Conflict, match="line"):
            reorder_job(connections, job, project, before=job)
        with pytest.raises(InvalidRequest):
            reorder_job(connections, job, project)
        with pytest.raises(NotFound):
            reorder_job(connections, job, project, before=NOBODY)
        cancel_job(connections, job, project)
        with pytest.raises(Conflict, match="ended"):
            reorder_job(connections, job, project, place=Place.FRONT)


@given(
    ranks=st.lists(st.integers(-3, 3), min_size=1, max_size=8),
    waiting=st.lists(st.integers(0, 9), min_size=8, max_size=8),
    data=st.data(),
)
def test_every_place_is_reached_and_nobody_else_changes_places(
    ranks: list[int], waiting: list[int], data: st.DataObject
) -> None:
    jobs = [Ranked(f"{number:02}", rank, waiting[number]) for number, rank in enumerate(ranks)]
    order = sorted(jobs, key=lambda job: (job.rank, job.id))
    moved = data.draw(st.sampled_from(order))
    others = [job.id for job in order if job.id != moved.id]
    where = data.draw(st.sampled_from([Place.FRONT, Place.BACK, *others]))
    place, before = (where, None) if isinstance(where, Place) else (None, where)

    ranks_now = {job.id: job.rank for job in jobs} | new_ranks(order, moved.id, place, before)

    expected = list(others)
    places: dict[str, int] = {Place.FRONT: 0, Place.BACK: len(others)}
    places |= {job_id: number for number, job_id in enumerate(others)}
    expected.insert(places[where], moved.id)
    assert sorted(ranks_now, key=lambda job_id: (ranks_now[job_id], job_id)) == expected


@pytest.fixture
def wide(connections: Connections) -> Connections:
    """A farm with pools for three larger models as well."""
    catalog = connections.catalog
    names = ("sana-600m-1024px", "sana-1600m-1024px", "sana-1600m-512px")
    pools = {name: PoolEntry(name=name, model=name) for name in names}
    connections.catalog = Catalog(catalog.models, catalog.pools | pools, catalog._merged)
    return connections


class TestLane:
    def test_another_model_of_the_family_renders_what_waits(self, wide: Connections, project: str) -> None:
        job = submit_job(wide, project, 3, width=1024, height=1024, model="sana-600m-1024px")
        before = render_rows(wide, job)

        assert transfer_job(wide, job, "sana-1600m-1024px", project) == 3

        row = job_row(wide, job)
        entry = wide.catalog.model("sana-1600m-1024px")
        assert (row["model"], row["lane"]) == (entry.name, entry.lane)
        for old, new in zip(before, render_rows(wide, job), strict=True):
            assert new["lane"] == entry.lane
            assert new["batch_key"] != old["batch_key"]
            assert (new["parameters"]["prompt"], new["parameters"]["seed"]) == ("a red circle", old["index"])
            assert new["estimate"] > 0
        assert {new["flow_id"] for new in render_rows(wide, job)} == {row["flow_id"]}
        assert row["estimate"] == pytest.approx(sum(new["estimate"] for new in render_rows(wide, job)))

    def test_everything_that_does_not_fit_is_said_and_nothing_moves(self, wide: Connections, project: str) -> None:
        job = submit_job(wide, project, 2)
        before = render_rows(wide, job)

        with pytest.raises(InvalidRequest) as other_family:
            transfer_job(wide, job, "wan-demo", project)
        with pytest.raises(InvalidRequest) as too_small:
            transfer_job(wide, job, "sana-1600m-1024px", project)

        assert [fault.field for fault in other_family.value.faults] == ["/model"]
        assert too_small.value.faults
        assert render_rows(wide, job) == before
        assert job_row(wide, job)["model"] == "sana-demo"
        with pytest.raises(UnknownModel):
            transfer_job(wide, job, "nonsense", project)

    def test_what_runs_ends_in_its_old_lane(self, wide: Connections, project: str) -> None:
        job = submit_job(wide, project, 3, width=256, height=256)
        running = claim_some(wide, 1)

        assert transfer_job(wide, job, "sana-1600m-512px", project) == 2

        lanes = [row["lane"] for row in render_rows(wide, job)]
        assert lanes == ["sana-demo@fp32", "sana-1600m-512px@fp16", "sana-1600m-512px@fp16"]
        assert claim_some(wide) == []
        assert settle_as(wide, running, Outcome.DONE).accepted == [running[0].id]
        assert statuses(wide, job) == ["done", "pending", "pending"]
        assert_invariants_hold(wide, job)
