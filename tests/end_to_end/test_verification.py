"""`farm verify --on-farm` against a real farm: a worker makes it again, and a changed output is found out."""

import io
import json

import pytest
from PIL import Image

from tests.end_to_end.farms import RunningFarm
from tests.end_to_end.test_outputs import told_by

pytestmark = pytest.mark.long


def test_a_worker_makes_a_render_again_and_a_changed_output_is_said_to_be_different(farm: RunningFarm) -> None:
    # Given a picture that was rendered alone
    job = farm.submit_and_wait("sprint-demo", "a red circle on a blue background", seed=3)
    [render] = farm.client.renders(job.id)

    # When it is verified on the farm, then a worker makes the same, as a job that says of what it is
    told = told_by(farm, "verify", render.id, "--on-farm", "--json")
    assert told.returncode == 0, told
    answer = json.loads(told.stdout)
    assert (answer["verdict"], answer["differences"]) == ("same_bytes", [])
    farm.assert_nothing_lost_or_doubled(answer["job_id"], renders=1)

    # When somebody changes what is stored, then it is different, also for a program
    [output] = [row for row in farm.artifacts(job.id) if row.kind == "output"]
    stream = io.BytesIO()
    Image.new("RGB", farm.picture(render.id).size, "white").save(stream, "PNG")
    farm.connections.storage.put(output.key, stream.getvalue(), "image/png")
    told = told_by(farm, "verify", render.id, "--on-farm")
    assert told.returncode == 1, told
    assert "other pixels" in told.stdout
    assert "the stored file is not the one that the manifest tells of" in told.stdout
