"""What schemathesis makes of the OpenAPI document finds no answer that the document does not know, and nothing broken.

A short run, on a real server. For a long one: `schemathesis run URL/openapi.json -H "Authorization: Bearer KEY"`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.serving import served

#: Each check that is left out, and why.
LEFT_OUT = (
    "positive_data_acceptance",  # a schema cannot say which models, classes, jobs and files there are
    "unsupported_method",  # /jobs/stream is an address of POST, and for other methods that of a job named 'stream',
    "allow_header_conformance",  # which is not found
)
#: These would end the key or the user that the run itself comes with; a stream of events ends after ten minutes.
NOT_CALLED = ("/api/v1/keys/{key_id}", "/api/v1/users/{name}", "/api/v1/live")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_schemathesis_finds_nothing_broken_and_nothing_unsaid(live_house: House, tmp_path: Path) -> None:
    live_house.submit(seeds=[1, 2])
    Drawer(live_house.connections, "sana-demo-local").draw_everything()
    log = tmp_path / "dashboard.log"
    program = Path(sys.executable).parent / "schemathesis"
    options = ["--checks", "all", "--exclude-checks", ",".join(LEFT_OUT), "--continue-on-failure", "--no-color"]
    options += ["--generation-deterministic", "--max-examples", os.environ.get("FARM_TEST_EXAMPLES", "8")]
    options += ["--request-timeout", "60", "--header", f"Authorization: Bearer {live_house.ours.key}"]
    for path in NOT_CALLED:
        options += ["--exclude-path", path]
    with served(live_house, log) as (url, _):
        told = subprocess.run(
            [program, "run", f"{url}/openapi.json", *options], cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert told.returncode == 0, told.stdout
    assert "Traceback" not in log.read_text()
