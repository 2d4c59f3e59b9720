"""A program written for OpenAI before a whole farm: pictures with previews, edits and clips, made by real workers."""

import base64
import io
from pathlib import Path

import imageio_ffmpeg
import pytest
from openai import OpenAI
from PIL import Image

from farm.demo.checker import check_picture
from farm.demo.scenes import Scene
from tests.end_to_end.farms import RunningFarm

PROMPT = "a large red circle in the centre on a blue background"
SCENE = Scene("circle", "red", "blue", "centre", "large")


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_pictures_edits_and_clips_come_out_of_a_farm(farm: RunningFarm, tmp_path: Path) -> None:
    variables = farm.user_environment
    with OpenAI(base_url=f"{variables['FARM_URL']}/v1", api_key=variables["FARM_KEY"]) as client:
        answer = client.images.generate(model="sana-demo", prompt=PROMPT, n=2)
        assert answer.data is not None
        drawn = [base64.b64decode(one.b64_json or "") for one in answer.data]
        for data in drawn:
            assert check_picture(Image.open(io.BytesIO(data)), SCENE).all_right

        stream = client.images.generate(model="sprint-demo", prompt=PROMPT, stream=True, partial_images=1)
        assert [event.type for event in stream][-1] == "image_generation.completed"

        edited = client.images.edit(
            model="sprint-demo", prompt=PROMPT, image=drawn[0], extra_body={"num_inference_steps": 2}
        )
        assert edited.data is not None
        assert Image.open(io.BytesIO(base64.b64decode(edited.data[0].b64_json or ""))).size == (128, 128)

        clip = client.videos.create_and_poll(model="wan-demo", prompt="a red circle moves left on a blue background")
        assert clip.status == "completed"
        path = tmp_path / "clip.mp4"
        client.videos.download_content(clip.id).write_to_file(path)
        frames, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
        assert (frames, clip.seconds) == (9, "1")
