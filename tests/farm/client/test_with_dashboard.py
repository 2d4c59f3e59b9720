"""What a user of the Python client can rely on, with the real dashboard over real servers."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.client import Beat, FarmClient, FarmProblem, JobChanged, NewPreview, StepProgress
from farm.lifecycle import Outcome
from farm.progress import Preview
from tests.farm.dashboards import DashboardFarm


@pytest.fixture
def client(dashboard: DashboardFarm) -> Iterator[FarmClient]:
    with FarmClient(dashboard.url, dashboard.key) as client:
        yield client


def test_a_job_from_submission_to_files(dashboard: DashboardFarm, client: FarmClient, tmp_path: Path) -> None:
    job = client.submit("sana-demo", ["a red circle", "红色圆形"], seeds=[1, 2], class_name="urgent", title="circles")
    assert (job.status, job.total, job.pending, job.class_name, job.title) == ("open", 4, 4, "urgent", "circles")

    worker = threading.Thread(target=dashboard.work)
    worker.start()
    ended = client.wait(job.id)
    worker.join()

    assert (ended.status, ended.done, ended.ended) == ("done", 4, True)
    renders = list(client.renders(job.id))
    assert [(render.index, render.parameters["prompt"], render.parameters["seed"]) for render in renders] == [
        (0, "a red circle", 1),
        (1, "a red circle", 2),
        (2, "红色圆形", 1),
        (3, "红色圆形", 2),
    ]
    assert client.find_render(renders[3].id).status == "done"
    paths = client.download(job.id, tmp_path, kinds=("output", "manifest"))
    assert len(paths) == 8
    assert all(path.read_bytes() == dashboard.picture() for path in paths if path.suffix == ".png")
    assert next(client.events(job.id)).kind == "submitted"


def test_news_come_as_they_happen(dashboard: DashboardFarm, client: FarmClient) -> None:
    job = client.submit("sana-demo", "a red circle", seed=1)
    heard: list[object] = []
    events = client.live(job.id)
    for event in events:
        heard.append(event)
        if isinstance(event, Beat) and len(heard) == 2:  # the snapshot is there
            renders = dashboard.take()
            dashboard.step(renders, 7)
        if isinstance(event, StepProgress):
            dashboard.finish(renders)
        if isinstance(event, JobChanged) and client.job(job.id).ended:
            break
    events.close()

    steps = [event for event in heard if isinstance(event, StepProgress)]
    assert [(step.job_id, step.render_id, step.phase, step.step, step.steps) for step in steps] == [
        (job.id, renders[0].id, "stepping", 7, 20)
    ]


def test_a_new_preview_is_told_and_read(dashboard: DashboardFarm, client: FarmClient) -> None:
    job = client.submit("sana-demo", "a red circle", seed=1)
    [render] = dashboard.take()
    assert client.preview(render.id) is None
    events = client.live(job.id)
    next(event for event in events if isinstance(event, Beat))
    next(event for event in events if isinstance(event, Beat))  # the snapshot is there
    shown = Preview(job_id=job.id, project_id=render.project_id, render_id=render.id, step=7)
    dashboard.connections.progress.show(shown, b"a WebP")
    told = next(event for event in events if isinstance(event, NewPreview))
    events.close()
    assert (told.job_id, told.render_id, told.step) == (job.id, render.id, 7)
    assert client.preview(render.id) == b"a WebP"


def test_the_same_key_is_the_same_job_and_with_another_wish_it_is_refused(client: FarmClient) -> None:
    first = client.submit("sana-demo", "a red circle", seed=1, idempotency_key="mine")
    again = client.submit("sana-demo", "a red circle", seed=1, idempotency_key="mine")

    assert first.id == again.id
    assert [job.id for job in client.jobs()] == [first.id]
    with pytest.raises(FarmProblem, match="Idempotency") as refused:
        client.submit("sana-demo", "a blue circle", seed=1, idempotency_key="mine")
    assert refused.value.status == 422


def test_jobs_are_listed_over_pages_newest_first(client: FarmClient) -> None:
    made = [client.submit("sana-demo", f"circle {number}", seed=1).id for number in range(3)]
    client.cancel(made[0])

    assert [job.id for job in client.jobs()] == made[::-1]
    assert [job.id for job in client.jobs(status="open")] == made[:0:-1]
    assert [job.id for job in client.jobs(limit=1)] == made[2:]


def test_renders_of_a_large_job_come_over_several_pages(client: FarmClient) -> None:
    job = client.submit("sana-demo", "a red circle", seeds=list(range(250)))

    assert [render.index for render in client.renders(job.id)] == list(range(250))


def test_cancelling_keeps_what_is_done_and_may_be_said_twice(
    dashboard: DashboardFarm, client: FarmClient, tmp_path: Path
) -> None:
    job = client.submit("sana-demo", "a red circle", seeds=[1, 2, 3])
    dashboard.finish(dashboard.take(capacity=1))

    assert (client.cancel(job.id).status, client.cancel(job.id).cancelled) == ("partial", 2)
    assert len(client.download(job.id, tmp_path)) == 1


def test_one_render_is_cancelled_and_a_failed_one_is_tried_anew(dashboard: DashboardFarm, client: FarmClient) -> None:
    job = client.submit("sana-demo", "a red circle", seeds=[1, 2])
    first, second = client.renders(job.id)
    assert client.cancel_render(first.id).status == "cancelled"
    dashboard.work(Outcome.FAILED)
    failed = client.find_render(second.id)
    assert (failed.status, failed.reason) == ("failed", "the paint ran out")

    assert client.retry(second.id).status == "pending"
    dashboard.work()
    assert client.wait(job.id).status == "partial"


def test_everything_wrong_with_a_submission_is_said_at_once(client: FarmClient) -> None:
    with pytest.raises(FarmProblem) as refused:
        client.submit("sana-demo", "a red circle", width=100, height=128, num_inference_steps=0, sampler="paint")

    assert {"/width", "/num_inference_steps", "/sampler"} <= {fault.field for fault in refused.value.errors}
    assert list(client.jobs()) == []


def test_a_wrong_key_is_refused(dashboard: DashboardFarm) -> None:
    with FarmClient(dashboard.url, "lf_wrong") as client, pytest.raises(FarmProblem) as refused:
        client.workers()
    assert refused.value.status == 401


def test_workers_models_and_pools_are_listed(dashboard: DashboardFarm, client: FarmClient) -> None:
    [worker] = client.workers()
    assert (worker.id, worker.model, worker.status) == (dashboard.worker_id, "sana-demo", "idle")
    assert {"sana-demo", "sprint-demo", "wan-demo"} <= {model.name for model in client.models()}
    assert (128, 128) in next(model.sizes for model in client.models() if model.name == "sana-demo")
    assert "sana-demo-local" in {pool.name for pool in client.pools()}


def test_a_client_knows_who_it_is_finds_jobs_and_has_them_deleted_and_restored(client: FarmClient) -> None:
    who = client.whoami()
    assert who.key is not None
    job = client.submit("sana-demo", "a triangle that nobody else submits", class_name="bulk", seeds=[1, 2])
    found = client.jobs(text="TRIANGLE that nobody", class_name="bulk", status=["open", "paused"])
    assert [(one.id, one.user) for one in found] == [(job.id, who.user)]
    assert [render.index for render in client.renders(job.id, status="pending", text="triangle", limit=1)] == [0]
    with pytest.raises(FarmProblem, match="cancel it first"):
        client.delete(job.id)
    client.cancel(job.id)
    assert client.delete(job.id, keep_seconds=60).delete_at is not None
    assert list(client.jobs(text="triangle that nobody")) == []
    assert [one.id for one in client.jobs(deleted=True)] == [job.id]
    assert client.restore(job.id).delete_at is None
