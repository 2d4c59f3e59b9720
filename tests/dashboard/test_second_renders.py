"""What "Verify" had rendered again does not crowd the pictures of artists; who looks for it finds it."""

import re
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from farm.database import read, write
from farm.ids import new_id
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Job, Render
from scheduler.maintenance.old_files import remove_old_jobs
from tests.dashboard.conftest import House
from tests.dashboard.finished import finish_everything
from tests.dashboard.visiting import PAGE, sign_in

RENDERS, JOBS = "/api/v1/renders", "/api/v1/jobs"
DAY = 86_400.0


def verified(house: House, **asked: Any) -> tuple[str, str]:
    """A picture that was verified: its id, and that of the second render, which is done too."""
    first = done(house, **asked)
    with write(house.connections.engine) as connection:  # what a worker stores beside the output
        file = connection.execute(select(Artifact.__table__).where(Artifact.render_id == first)).mappings().first()
        assert file is not None
        manifest = {**file, "id": new_id(), "kind": ArtifactKind.MANIFEST.value, "key": f"{file['key']}.json"}
        connection.execute(insert(Artifact), manifest)
    begun = house.post(f"{RENDERS}/{first}/verification")
    assert begun.status_code == 201, begun.json
    finish_everything(house.connections)
    return first, begun.json["second_render_id"]


def done(house: House, **asked: Any) -> str:
    job = house.submit(**{"seed": 7, **asked})
    finish_everything(house.connections)
    render: str = house.renders(job["id"])[0]["id"]
    return render


def listed(house: House, path: str = RENDERS, **query: Any) -> list[str]:
    answer = house.get(path, query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [item["id"] for item in answer.json["items"]]


def job_of(house: House, render_id: str) -> str:
    job: str = house.get(f"{RENDERS}/{render_id}").json["job_id"]
    return job


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_lists_leave_second_renders_out_and_show_them_to_whoever_asks(postgres_house: House) -> None:
    house = postgres_house
    first, second = verified(house, prompt="a red circle")
    jobs = [job_of(house, one) for one in (first, second)]

    # Neither the gallery nor its search has them, nor do scores of what it shows, nor the list of jobs
    assert listed(house) == listed(house, text="red") == [first]
    assert listed(house, JOBS) == listed(house, JOBS, status="done") == [jobs[0]]
    assert house.post("/api/v1/scores", json={"scorers": ["sharpness"]}).json["renders"] == 1
    assert house.get("/api/v1/prompts").json["items"] == ["a red circle"]

    # Whoever asks for them finds them, and whoever names a job means its renders
    assert listed(house, verifications="with") == [second, first]
    assert listed(house, verifications="only") == listed(house, job=jobs[1]) == [second]
    assert listed(house, JOBS, verifications="with") == jobs[::-1]
    assert listed(house, JOBS, verifications="only") == [jobs[1]]
    assert house.post(f"/api/v1/scores?job={jobs[1]}", json={"scorers": ["sharpness"]}).json["renders"] == 1
    assert house.get(RENDERS, query_string={"verifications": "some"}).status_code == 422

    # What is deleted can be found and restored, whatever it is
    house.client.delete(f"{RENDERS}/{second}", headers=house.ours.headers)
    assert listed(house, deleted="true") == [second]
    house.client.delete(f"{JOBS}/{jobs[1]}", headers=house.ours.headers)
    assert listed(house, JOBS, deleted="true") == [jobs[1]]


@pytest.mark.parametrize("mark", ["rating", "favourite", "tag", "board"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_one_that_somebody_marks_is_a_picture_as_any_other(postgres_house: House, mark: str) -> None:
    house = postgres_house
    first, second = verified(house)
    if mark == "board":
        board = house.post("/api/v1/boards", json={"name": "Finals"}).headers["Location"]
        house.post(f"{board}/renders", json={"add": [second]})
    else:
        said = {"rating": {"rating": 4}, "favourite": {"favourite": True}, "tag": {"add_tags": ["finals"]}}[mark]
        house.post(f"{RENDERS}/marks", json={"renders": [second], **said})
    assert listed(house) == [second, first]
    assert listed(house, JOBS) == [job_of(house, second), job_of(house, first)]

    # and retention keeps it
    pass_days(house, 40)
    assert listed(house) == [second, first]


def test_second_renders_are_removed_after_a_while_and_what_they_are_of_stays(house: House) -> None:
    first, second = verified(house)
    pass_days(house, 29)
    assert listed(house, verifications="only") == [second]
    pass_days(house, 31)
    assert listed(house, verifications="with") == [first]
    assert house.get(f"{RENDERS}/{second}").status_code == 404
    assert house.get(f"{RENDERS}/{first}/verification").status_code == 404


def test_the_pages_say_what_a_second_render_is_and_lead_from_one_to_the_other(house: House) -> None:
    first, second = verified(house)
    visitor = sign_in(house)

    def page(path: str) -> str:
        text: str = visitor.get(path, headers=PAGE).get_data(as_text=True)
        return text

    def cards(query: str) -> list[str]:
        return re.findall(r'id="card-([^"]+)"', page(f"/gallery{query}"))

    assert (cards(""), cards("?verifications=with"), cards("?verifications=only")) == (
        [first],
        [second, first],
        [second],
    )
    assert "Second renders: Nothing else" in page("/gallery?verifications=only")
    wrong = visitor.get("/gallery?verifications=some", headers=PAGE)
    assert (wrong.status_code, wrong.get_data(as_text=True).count('role="alert"')) == (422, 1)
    for path in (f"/renders/{second}", f"/gallery/{second}"):
        assert f'A second render of <a href="/renders/{first}">this one</a>' in page(path)
    assert f'id="job-{job_of(house, second)}"' not in page("/jobs")
    assert f'id="job-{job_of(house, second)}"' in page("/jobs?show=verifications")
    assert f'id="job-{job_of(house, first)}"' not in page("/jobs?show=verifications")
    assert "Nothing was verified" in sign_in(house, house.theirs).get("/jobs?show=verifications").text


def test_programs_that_know_only_videos_get_each_clip_once(house: House) -> None:
    first, second = verified(house, model="wan-demo", num_frames=5)
    assert [clip["id"] for clip in house.get("/v1/videos").json["data"]] == [first]
    assert house.get(f"/v1/videos/{second}").json["status"] == "completed"


def pass_days(house: House, days: float) -> None:
    """As if the verifications had ended so long ago; the files are those of no bucket, so that none is asked."""
    engine = house.connections.engine
    now = house.connections.clock()
    with write(engine) as connection:
        ended = update(Job).where(Job.verifies_id.is_not(None)).values(finished_at=now - days * DAY)
        connection.execute(ended)
        second = select(Render.id).join(Job, Job.id == Render.job_id).where(Job.verifies_id.is_not(None))
        connection.execute(Artifact.__table__.delete().where(Artifact.render_id.in_(second)))  # type: ignore[attr-defined]
    remove_old_jobs.one_pass(house.connections, now)
    with read(engine) as connection:
        assert connection.scalar(select(Job.id).where(Job.verifies_id.is_(None))) is not None
