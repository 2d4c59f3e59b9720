"""A dry run says what a job would be, cost and take, refuses what a submission would refuse, and accepts nothing."""

from collections.abc import Callable

from tests.dashboard.conftest import House


def test_a_dry_run_says_how_many_of_what_shape_at_what_cost_and_accepts_nothing(house: House) -> None:
    body = {"model": "sana-demo", "prompt": ["a", "b"], "width": [128, 160], "seed_count": 3, "dry_run": True}
    answer = house.post("/api/v1/jobs", json=body)
    assert answer.status_code == 200, answer.json
    told = answer.json
    assert told["renders"] == 12
    assert {(shape["width"], shape["renders"]) for shape in told["shapes"]} == {(128, 6), (160, 6)}
    assert 0 < told["gpu_seconds"]["low"] <= told["gpu_seconds"]["likely"] <= told["gpu_seconds"]["high"]
    assert told["currency"] == "EUR"
    assert any("No worker for sana-demo" in notice for notice in told["notices"])
    assert house.get("/api/v1/jobs").json["items"] == []


def test_a_choice_by_a_scorer_without_weights_is_told_before_and_with_the_submission(house: House) -> None:
    body = {"model": "sana-demo", "prompt": "a", "seed_count": 4, "scorer": "clip", "keep_best": 2}
    told = "clip needs weights, and this farm names none (an operator sets FARM_SCORER_WEIGHTS): "
    chosen = told + "without figures nothing is chosen, and all outputs are kept."
    assert chosen in house.post("/api/v1/jobs", json=body | {"dry_run": True}).json["notices"]
    assert chosen in house.post("/api/v1/jobs", json=body).json["notices"]
    del body["keep_best"]
    assert told + "no output would get a figure." in house.post("/api/v1/jobs", json=body).json["notices"]
    without = house.post("/api/v1/jobs", json=body | {"scorer": "sharpness"}).json["notices"]
    assert not [notice for notice in without if "weights" in notice]


def test_where_the_weights_are_named_nothing_is_said_of_them(make_house: Callable[..., House]) -> None:
    house = make_house(scorer_weights={"clip": "/models/clip"})
    body = {"model": "sana-demo", "prompt": "a", "seed_count": 4, "scorer": "clip", "keep_best": 2}
    assert not [one for one in house.post("/api/v1/jobs", json=body).json["notices"] if "weights" in one]


def test_twice_the_steps_cost_about_twice(house: House) -> None:
    def cost(steps: int) -> float:
        body = {"model": "sana-demo", "prompt": "a", "num_inference_steps": steps, "dry_run": True}
        return float(house.post("/api/v1/jobs", json=body).json["gpu_seconds"]["likely"])

    assert 1.5 < cost(40) / cost(20) < 2.5


def test_a_dry_run_refuses_what_a_submission_refuses(house: House) -> None:
    body = {"model": "sana-demo", "prompt": "a", "num_inference_steps": 999}
    dry = house.post("/api/v1/jobs", json=body | {"dry_run": True})
    wet = house.post("/api/v1/jobs", json=body)
    assert dry.status_code == wet.status_code == 422
    assert dry.json["errors"] == wet.json["errors"]
