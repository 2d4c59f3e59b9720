"""Whatever stands in a field, as JSON or in a form, is taken or refused in words, and never a fault of the farm."""

from typing import Any

import pytest
from flask import Response

from dashboard.openai import post_images_generations
from dashboard.openai.fields import MEANINGLESS, OWN, OWN_OF_CLIPS, PictureFields, VideoFields
from tests.dashboard.conftest import House

VALUES: list[Any] = [None, True, 0, -1, 10**80, 1.5, 1e300, "", "x", "9" * 5000, "\x00", "٣x٣", [], [1], ["a"], {}]
VALUES += [{"file_id": 3}, [[["deep"]]], "[[[", "1e400", "nan"]
NAMES = sorted({*PictureFields.model_fields, *VideoFields.model_fields, *MEANINGLESS, *OWN, *OWN_OF_CLIPS})


@pytest.mark.long
def test_no_value_of_a_field_is_a_fault_of_the_farms(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post_images_generations, "answer", lambda *_: Response("{}"))  # nobody renders here
    for name in [*NAMES, "input_reference", "", "x" * 300]:
        for value in VALUES:
            for path, model in (("/v1/images/generations", "sana-demo"), ("/v1/videos", "wan-demo")):
                asked = {"model": model, "prompt": "a red circle", "seconds": "1"} if "videos" in path else {}
                asked = {"model": model, "prompt": "a red circle", **asked, name: value}
                answers = [house.post(path, json=asked)]
                if isinstance(value, str):
                    answers.append(house.post(path, data=asked, content_type="multipart/form-data"))
                for answer in answers:
                    assert answer.status_code in (200, 400, 404), (path, name, value, answer.get_data(as_text=True))
