"""Trainings over HTTP: asked for, refused in words, kept apart, told about, given to the project."""

import json
from pathlib import Path
from typing import Any

import pytest

from farm.adapters.file_header import read_adapter
from farm.ids import new_id
from farm.lifecycle import Outcome
from farm.params import parse_parameters
from farm.storage_keys import ArtifactKind, artifact_key, input_key
from scheduler.leases.settle import Output, Settlement, settle
from scheduler.uploads import adapter_row
from tests.dashboard.conftest import House
from tests.dashboard.test_adapter_uploads import lora
from tests.dashboard.test_inputs import png, upload
from tests.scheduler.jobs import claim_some
from tests.waiting import eventually
from tests.workers.pictures import moving_bar, write_clip

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@pytest.fixture
def stored(live_house: House) -> House:
    """A house with an object storage."""
    return live_house


def pictures(house: House, **options: Any) -> list[dict[str, str]]:
    ids = [upload(house, png(colour), f"{place}.png", **options).json["id"] for place, colour in enumerate(COLOURS)]
    return [{"image": found, "caption": f"picture {place}"} for place, found in enumerate(ids)]


def clip(house: House, folder: Path, frames: int = 30, number: int = 0) -> str:
    """The id of an uploaded clip of so many frames, 16 a second."""
    path = folder / f"{number}-{frames}.mp4"
    write_clip(path, moving_bar(number, frames))
    return str(upload(house, path.read_bytes(), path.name).json["id"])


def train(house: House, **asked: Any) -> Any:
    body = {"model": "sana-demo", "name": "squares", "max_train_steps": 10, "validation_steps": 5} | asked
    return house.post("/api/v1/trainings", json=body)


def test_a_training_is_a_job_of_one_render_that_has_all_it_needs(stored: House) -> None:
    answer = train(
        stored, pictures=pictures(stored), seed=4, rank=8, with_prior_preservation=True, class_prompt="a square"
    )
    assert answer.status_code == 201
    job = answer.json["job"]
    assert answer.headers["Location"].endswith(job["id"])
    assert (job["title"], job["class"], job["total"]) == ("LoRA squares", "bulk", 1)
    [render] = stored.renders(job["id"])
    kept = render["parameters"]
    assert (kept["prompt"], kept["seed"], kept["deterministic"]) == ("picture 0", 4, True)
    training = kept["training"]
    assert [picture["caption"] for picture in training["pictures"]] == ["picture 0", "picture 1", "picture 2"]
    assert (training["rank"], training["lora_alpha"]) == (8, 8.0)
    # Ten steps, and twenty of each picture: samples before, between and after, and sixteen of the class.
    assert kept["num_inference_steps"] == 10 + (3 + 16) * 20
    assert json.loads(json.dumps(parse_parameters(kept).document())) == kept
    told = stored.get(f"/api/v1/trainings/{job['id']}").json
    assert (told["status"], told["steps"], told["losses"], told["adapter"]) == ("pending", 390, [], None)


def test_a_model_of_clips_learns_from_clips_and_pictures(stored: House, tmp_path: Path) -> None:
    long, short = clip(stored, tmp_path), clip(stored, tmp_path, 18)
    asked = {"model": "wan-demo", "num_frames": 9, "fps": 8, "pictures": pictures(stored)[:1]}
    clips = [{"video": found, "caption": f"a bar moves, {found}"} for found in (long, short)]
    answer = train(stored, **asked, clips=clips)
    assert answer.status_code == 201, answer.json
    job = answer.json["job"]
    [render] = stored.renders(job["id"])
    training = render["parameters"]["training"]
    assert [found["video"]["id"] for found in training["clips"]] == [long, short]
    assert [found["video"]["frames"] for found in training["clips"]] == [30, 18]
    assert (render["parameters"]["num_frames"], render["parameters"]["fps"]) == (9, 8)
    assert "ffn.net.2" in training["target_modules"]
    # Nine frames at 8 a second are 17 of a clip that has 16, and what is left of it is told.
    assert [notice for notice in answer.json["notices"] if "/clips" in notice] == [
        "/clips: of 2 of 2 clips only the first 9 frames are learnt from; cut longer ones into several"
    ]
    # They stay while it needs them.
    address = f"/api/v1/inputs/{short}"
    assert stored.client.delete(address, headers=stored.ours.headers).status_code == 409
    stored.post(f"/api/v1/jobs/{job['id']}/cancel")


def test_clips_that_are_too_short_and_files_of_the_other_kind_are_named(stored: House, tmp_path: Path) -> None:
    short, [picture, *_] = clip(stored, tmp_path, 10), pictures(stored)
    told = train(
        stored,
        model="wan-demo",
        num_frames=9,
        fps=8,
        pictures=[],
        clips=[{"video": picture["image"], "caption": "a picture"}],
    ).json["errors"]
    assert [(fault["pointer"], "is a picture" in fault["detail"]) for fault in told] == [("/clips/0/video", True)]
    told = train(stored, model="wan-demo", pictures=[{"image": short, "caption": "a clip"}]).json["errors"]
    assert [(fault["pointer"], "is a clip" in fault["detail"]) for fault in told] == [("/pictures/0/image", True)]
    clips = [{"video": short, "caption": "a bar"}]
    told = train(stored, model="wan-demo", num_frames=9, fps=8, pictures=[], clips=clips).json["errors"]
    assert [fault["pointer"] for fault in told] == ["/clips/0/video"]
    assert "take num_frames 5 or less" in told[0]["detail"]


def test_the_losses_of_a_running_training_are_those_that_its_worker_told_last(stored: House) -> None:
    job = train(stored, pictures=pictures(stored)).json["job"]["id"]
    [render] = claim_some(stored.connections)
    assert stored.get(f"/api/v1/trainings/{job}").json["losses"] == []
    stored.connections.progress.show_losses(render.id, [(10, 0.5), (20, 0.25)])
    eventually(lambda: stored.get(f"/api/v1/trainings/{job}").json["losses"] == [[10, 0.5], [20, 0.25]])
    stored.connections.progress.clear(job, [render.id])
    eventually(lambda: stored.get(f"/api/v1/trainings/{job}").json["losses"] == [])
    stored.post(f"/api/v1/jobs/{job}/cancel")


def test_the_same_key_gives_the_same_training(stored: House) -> None:
    body = {"model": "sana-demo", "name": "squares", "pictures": pictures(stored)}
    first, second = (stored.post("/api/v1/trainings", json=body, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json["job"]["id"] == second.json["job"]["id"]


def test_a_training_that_was_accepted_is_found_by_its_key_though_its_pictures_are_gone(stored: House) -> None:
    asked = pictures(stored)
    body, once = {"model": "sana-demo", "name": "squares", "pictures": asked}, {"Idempotency-Key": "once"}
    job = stored.post("/api/v1/trainings", json=body, headers=once).json["job"]["id"]
    stored.post(f"/api/v1/jobs/{job}/cancel")
    stored.client.delete(f"/api/v1/inputs/{asked[1]['image']}", headers=stored.ours.headers)
    assert stored.post("/api/v1/trainings", json=body).status_code == 422
    again = stored.post("/api/v1/trainings", json=body, headers=once)
    assert (again.status_code, again.json["job"]["id"]) == (200, job)


def test_its_pictures_stay_while_it_needs_them(stored: House) -> None:
    asked = pictures(stored)
    job = train(stored, pictures=asked).json["job"]["id"]
    address = f"/api/v1/inputs/{asked[1]['image']}"
    assert stored.client.delete(address, headers=stored.ours.headers).status_code == 409
    stored.post(f"/api/v1/jobs/{job}/cancel")
    assert stored.client.delete(address, headers=stored.ours.headers).status_code == 200


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"model": "sprint-demo"}, "/model"),
        ({"expert": "low-noise"}, "/expert"),
        ({"model": "wan22-t2v-a14b"}, "/expert"),
        ({"clips": [{"video": "0195f0c2-7d1a-7c3e-9f00-2b6c1d4e5f60", "caption": "x"}]}, "/clips"),
        ({"num_frames": 5}, "/num_frames"),
        ({"model": "wan-demo", "num_frames": 6}, "/num_frames"),
        ({"model": "wan-demo", "clips": [{"video": "x", "caption": "x"}]}, "/clips/0/video"),
        ({"model": "wan-demo", "clips": [{"video": "x", "caption": " "}]}, "/clips/0/caption"),
        ({"model": "nothing"}, "/model"),
        ({"name": "../x"}, "/name"),
        ({"pictures": []}, "/pictures"),
        ({"pictures": [{"image": "0195f0c2-7d1a-7c3e-9f00-2b6c1d4e5f60", "caption": "x"}]}, "/pictures/0/image"),
        ({"pictures": [{"image": "x", "caption": ""}]}, "/pictures/0/caption"),
        ({"with_prior_preservation": True, "class_prompt": "a \0 dog"}, "/class_prompt"),
        ({"rank": 0}, "/rank"),
        ({"rank": "8"}, "/rank"),
        ({"learning_rate": 0}, "/learning_rate"),
        ({"weighting_scheme": "other"}, "/weighting_scheme"),
        ({"max_train_steps": 10_000, "validation_steps": 10}, "/validation_steps"),
        ({"with_prior_preservation": True}, "/class_prompt"),
        ({"width": 100}, "/width"),
        ({"class": "sometime"}, "/class"),
        ({"optimizer": "adam8bit"}, "/optimizer"),
        ({"lr_scheduler": "cosine_with_restarts"}, "/lr_scheduler"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(stored: House, asked: dict[str, Any], pointer: str) -> None:
    answer = train(stored, **{"pictures": pictures(stored)} | asked)
    assert answer.status_code == 422
    assert pointer in [fault["pointer"] for fault in answer.json["errors"]]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": "my squares"}, "/name: must begin with a letter or a digit and have nothing but these"),
        ({"name": "my squares"}, "seen 'my squares'"),
        ({"validation_prompt": " "}, "/validation_prompt: must not be empty"),
        ({"pictures": []}, "/pictures: must have at least 1 item; seen []"),
        ({"network_dim": 8}, "/network_dim: is not known here; remove it or correct its name"),
        ({"optimizer": "adam8bit"}, "/optimizer: must be 'adamw' or 'adamw-8bit'; seen 'adam8bit'"),
        ({"learning_rate": 0}, "/learning_rate: must be greater than 0; seen 0"),
    ],
)
def test_it_is_refused_in_words_with_what_was_seen(stored: House, asked: dict[str, Any], said: str) -> None:
    answer = train(stored, **{"pictures": pictures(stored)} | asked)
    assert said in " ".join(f"{fault['pointer']}: {fault['detail']}" for fault in answer.json["errors"])


def test_nobody_trains_with_pictures_of_another_project_or_sees_its_trainings(stored: House) -> None:
    theirs = pictures(stored, who=stored.theirs)
    assert train(stored, pictures=theirs).status_code == 422
    body = {"model": "sana-demo", "name": "squares", "pictures": theirs}
    job = stored.post("/api/v1/trainings", json=body, who=stored.theirs).json["job"]["id"]
    assert stored.get(f"/api/v1/trainings/{job}").status_code == 404
    assert stored.get(f"/api/v1/trainings/{job}", who=stored.theirs).status_code == 200


def test_a_job_that_trains_nothing_is_no_training(stored: House) -> None:
    job = stored.post("/api/v1/jobs", json={"model": "sana-demo", "prompt": "a red circle"}).json["job"]["id"]
    assert stored.get(f"/api/v1/trainings/{job}").status_code == 404


def test_a_training_that_is_done_gives_its_project_the_lora_once(stored: House) -> None:
    farm = stored.connections
    for _ in range(2):
        # When a worker settles a training, twice with the same bytes,
        job = train(stored, pictures=pictures(stored), seed=4).json["job"]["id"]
        [render] = claim_some(farm)
        data = lora()

        contents = {
            (ArtifactKind.OUTPUT, "output.png"): png(),
            (ArtifactKind.ADAPTER, "squares.safetensors"): data,
            (ArtifactKind.LOSSES, "losses.csv"): b"step,loss\n1,0.5\n2,0.25\n",
        }
        attempt = (render.project_id, render.job_id, render.id, render.attempt)
        files = [
            Output(kind, farm.storage.put(artifact_key(*attempt, name), held, "application/octet-stream"))
            for (kind, name), held in contents.items()
        ]
        file = farm.storage.put(
            input_key(render.project_id, new_id(), ".safetensors"), data, "application/octet-stream"
        )
        row = adapter_row(farm, render.project_id, "squares", file, read_adapter(data))
        ended = Settlement(render.id, render.attempt, Outcome.DONE, artifacts=files, adapter=row)
        assert settle(farm.engine, [ended], farm.clock()).accepted == [render.id]
        # then it is told with its losses, and the LoRA is there to be named in a job.
        told = stored.get(f"/api/v1/trainings/{job}").json
        assert told["losses"] == [[1, 0.5], [2, 0.25]]
        assert told["samples_url"]
        kept = [item for item in stored.get("/api/v1/inputs").json["items"] if item["adapter"]]
        assert [(item["id"], item["name"]) for item in kept] == [(told["adapter"], "squares.safetensors")]
        asked = {"model": "sana-demo", "prompt": "a square", "loras": [{"name": told["adapter"]}]}
        picture = stored.post("/api/v1/jobs", json=asked)
        assert picture.status_code == 201
        stored.post(f"/api/v1/jobs/{picture.json['job']['id']}/cancel")


def test_a_training_does_not_change_its_model(stored: House) -> None:
    job = train(stored, pictures=pictures(stored)).json["job"]["id"]
    refused = stored.post(f"/api/v1/jobs/{job}/model", json={"model": "sana-600m-512px"})
    assert refused.status_code in (409, 422), refused.json


def test_pausing_takes_a_training_from_its_worker_and_resuming_lets_it_go_on(stored: House) -> None:
    job = train(stored, pictures=pictures(stored)).json["job"]["id"]
    [render] = claim_some(stored.connections)
    paused = stored.post(f"/api/v1/jobs/{job}/pause")
    assert paused.status_code == 200, paused.json
    assert [found["status"] for found in stored.renders(job)] == ["held"]
    assert claim_some(stored.connections) == []
    stored.post(f"/api/v1/jobs/{job}/resume")
    [again] = claim_some(stored.connections)
    assert (again.id, again.attempt > render.attempt) == (render.id, True)


def test_the_options_of_the_command_are_told(tmp_path: Path) -> None:
    from farm.console.submission.training_folder import read_training_folder

    (tmp_path / "b.png").write_bytes(png())
    (tmp_path / "b.txt").write_text("two\nlines\n")
    (tmp_path / "a.JPG").write_bytes(png())
    (tmp_path / "a.caption").write_text("one")
    assert [(path.name, text) for path, text in read_training_folder(tmp_path).items()] == [
        ("a.JPG", "one"),
        ("b.png", "two lines"),
    ]
