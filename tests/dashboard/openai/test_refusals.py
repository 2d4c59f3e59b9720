"""What has no meaning here is refused in OpenAI's words, and every fault is told at once."""

import re
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from dashboard import openai_errors as errors
from dashboard.openai.fields import MEANINGLESS, OWN, OWN_OF_CLIPS, PictureFields, VideoFields
from farm.errors import Busy, FarmError
from farm.quota_errors import BudgetSpent, QuotaExceeded
from tests.dashboard.openai.conftest import jobs_of
from tests.farm.dashboards import DashboardFarm

DOCS = Path(__file__).parents[3] / "docs" / "openai.md"
ASKED = {"model": "sana-demo", "prompt": "a red circle"}


def test_models_are_listed_and_read(client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert models["sana-demo"].makes == "images"  # type: ignore[attr-defined]
    assert models["wan-demo"].makes == "videos"  # type: ignore[attr-defined]
    assert client.models.retrieve("sana-demo") == models["sana-demo"]
    with pytest.raises(openai.NotFoundError, match="did you mean 'sana-demo'"):
        client.models.retrieve("sanademo")


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"quality": "high"}, "quality", "num_inference_steps"),
    ({"background": "transparent"}, "background", "transparent"),
    ({"style": "vivid"}, "style", "prompt"),
    ({"n": 11}, "n", "less than or equal to 10"),
    ({"n": "2"}, "n", "integer"),
    ({"n": 2, "seed": 1}, "n", "seed"),
    ({"n": 2, "stream": True}, "n", "must be 1"),
    ({"size": "large"}, "size", "WIDTHxHEIGHT"),
    ({"size": "1024x1024"}, "size", "256"),
    ({"size": "٣x٣"}, "size", "WIDTHxHEIGHT"),
    ({"output_format": "gif"}, "output_format", "clips"),
    ({"output_format": "svg"}, "output_format", "svg"),
    ({"output_format": "webp", "output_compression": 0}, "output_compression", "between 1 and 100"),
    ({"response_format": "b64"}, "response_format", "b64_json"),
    ({"num_inference_steps": [1, 2]}, "num_inference_steps", "one value"),
    ({"sed": 3}, "sed", "seed"),
    ({"model": "gpt-image-2.5-flare"}, "model", "unknown model"),
    ({"prompt": ""}, "prompt", "prompt"),
    ({"prompt": None}, "prompt", "required"),
]


def test_what_is_wrong_is_named_and_nothing_is_made(dashboard: DashboardFarm) -> None:
    headers = {"Authorization": f"Bearer {dashboard.key}"}
    with httpx.Client(base_url=dashboard.url, headers=headers) as client:
        for more, param, words in REFUSED:
            answer = client.post("/v1/images/generations", json={**ASKED, **more})
            assert answer.status_code == (404 if param == "model" else 400), answer.text
            error = answer.json()["error"]
            assert set(error) == {"message", "type", "param", "code"}
            assert (error["type"], error["param"]) == ("invalid_request_error", param)
            assert words in error["message"]
            assert answer.headers["x-should-retry"] == "false"
    assert jobs_of(dashboard) == []


def test_all_faults_are_told_at_once(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(**ASKED, n=99, quality="hd", extra_body={"sed": 1})  # type: ignore[arg-type]
    assert all(name in refused.value.message for name in ("n: ", "quality: ", "sed: "))


REFUSED_CLIPS: list[tuple[dict[str, Any], str | None]] = [
    ({"model": "sana-demo"}, "model"),
    ({"seconds": "12"}, "seconds"),
    ({"seconds": "soon"}, "seconds"),
    ({"seconds": "1", "extra_body": {"num_frames": 9}}, "seconds"),
    ({"extra_body": {"num_frames": 10}}, "num_frames"),
    ({"extra_body": {"fps": "many"}}, "fps"),
    ({"extra_body": {"loras": "[[["}}, None),
    ({"extra_body": {"input_reference": {"image_url": "http://127.0.0.1/x.png"}}}, "input_reference"),
]


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_clips_that_cannot_be_are_refused(client: OpenAI) -> None:
    for more, param in REFUSED_CLIPS:
        with pytest.raises(openai.BadRequestError) as refused:
            client.videos.create(**{"model": "wan-demo", "prompt": "a red circle moves left", **more})
        assert refused.value.param == param


def test_who_is_not_known_and_what_is_not_there_are_told_in_their_words(dashboard: DashboardFarm) -> None:
    with OpenAI(base_url=f"{dashboard.url}/v1", api_key="lf_wrong") as stranger:
        with pytest.raises(openai.AuthenticationError, match="key is not known") as refused:
            stranger.models.list()
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(openai.NotFoundError):
            stranger.chat.completions.create(model="sana-demo", messages=[])
    page = httpx.get(f"{dashboard.url}/v1/models", headers={"Accept": "text/html"})
    assert (page.status_code, page.json()["error"]["type"]) == (401, "invalid_request_error")


@pytest.mark.parametrize(
    ("error", "status", "kind", "again"),
    [
        (BudgetSpent(), 429, "insufficient_quota", "false"),
        (QuotaExceeded(frees_at=9.0, now=1.0), 429, "rate_limit_error", "true"),
        (QuotaExceeded(), 429, "rate_limit_error", "false"),
        (Busy(), 503, "server_error", "true"),
        (errors.NotInTime(), 504, "server_error", "false"),
    ],
)
def test_only_what_may_go_better_next_time_is_sent_again(error: FarmError, status: int, kind: str, again: str) -> None:
    answer = errors.response(error)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (status, again)
    assert errors.document(error)["error"]["type"] == kind


def test_every_field_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", DOCS.read_text()))
    names = {*PictureFields.model_fields, *VideoFields.model_fields, *MEANINGLESS, *OWN, *OWN_OF_CLIPS}
    assert names - documented == set()
