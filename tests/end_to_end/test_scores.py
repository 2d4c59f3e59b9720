"""Scores on a real farm: `farm score` sorts what sana-demo drew by the demo world's checker."""

import json

import numpy as np
import pytest

from farm.demo.checker import check_picture
from farm.demo.prompts import scene_of
from tests.end_to_end.farms import RunningFarm
from tests.end_to_end.test_outputs import told_by
from workers.scoring.demo_prompt import DemoPrompt

pytestmark = pytest.mark.long
PROMPTS = [
    "a large red circle in the centre on a blue background",
    "a small green star at the top on a white background",
]


def test_farm_score_sorts_what_a_model_drew_by_the_demo_checker(farm: RunningFarm) -> None:
    # Given a job of which one step shows less of the prompt than eight do
    job = farm.submit_and_wait("sana-demo", PROMPTS, seeds=[1, 2], num_inference_steps=[1, 8])
    renders = {render.id: render for render in farm.client.renders(job.id)}
    assert len(renders) == 8

    # When it is scored on the command line by what needs no weights
    told = told_by(farm, "score", job.id, "--with", "prompt,sharpness", "--json")
    assert told.returncode == 0, told
    answer = json.loads(told.stdout)

    # Then all have both figures, the best come first, and each is what the checker says of the stored file
    scores = [one["scores"] for one in answer["items"]]
    assert {one["render_id"] for one in answer["items"]} == set(renders)
    assert [one["prompt"] for one in scores] == sorted((one["prompt"] for one in scores), reverse=True)
    assert all(one["sharpness"] > 0 for one in scores)
    for one in answer["items"]:
        picture, prompt = farm.picture(one["render_id"]), str(renders[one["render_id"]].parameters["prompt"])
        assert one["scores"]["prompt"] == DemoPrompt()(np.asarray(picture), {"prompt": prompt})
        if one["scores"]["prompt"] == 1:
            check = check_picture(picture, scene_of(prompt))
            assert (check.background, check.colour, check.shape) == (True, True, True)
    assert scores[0]["prompt"] > 0

    # And asked again nothing is scored anew, the table is in the same order, and a scorer of clips says what is wrong
    again = told_by(farm, "score", job.id, "--with", "prompt", "--best", "3")
    assert "0 scores of 8 renders to come" in again.stderr
    assert [line.split("\t")[0] for line in again.stdout.splitlines()[1:]] == [
        one["render_id"] for one in answer["items"][:3]
    ]
    refused = told_by(farm, "score", job.id, "--with", "flicker")
    assert (refused.returncode, "flicker looks at clips" in refused.stderr) == (2, True)


def test_the_best_of_several_seeds_by_the_prompt_keep_their_output(farm: RunningFarm) -> None:
    job = farm.submit_and_wait("sana-demo", PROMPTS[0], seeds=[1, 2, 3], scorer="prompt", keep_best=1)
    assert all(render.score is not None for render in farm.client.renders(job.id))
