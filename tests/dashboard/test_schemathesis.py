"""What schemathesis makes of the OpenAPI document finds no answer that the document does not know, and nothing broken.

On a real server: all operations, all checks. A short run asks everything as an admin; `FUZZ_SECONDS=1200` goes on that
long, draws its cases by chance, and asks as two artists of different projects whatever they may ask.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from farm.accounts import create_key, create_user
from farm.security import Role
from tests.dashboard import fuzzing
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.serving import served

_FOLDER = Path(fuzzing.__file__).parent
_ROOT = Path(__file__).parents[2]
_SECONDS = os.environ.get("FUZZ_SECONDS")


@pytest.mark.long
@pytest.mark.timeout(max(1800, 2 * int(_SECONDS or 0)))
def test_schemathesis_finds_nothing_broken_and_nothing_unsaid(live_house: House, tmp_path: Path) -> None:
    live_house.submit(live_house.theirs)
    done = live_house.submit(seeds=[1, 2])
    Drawer(live_house.connections, "sana-demo-local").draw_everything()
    jobs = [done["id"], *(live_house.submit(model=name)["id"] for name in ("sana-demo", "wan-demo"))]
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text((_FOLDER / "schemathesis.toml").read_text() + _dictionaries(live_house, jobs))
    log = tmp_path / "dashboard.log"
    variables = {**os.environ, **_identities(live_house, tmp_path / "identities.json")}
    variables["PYTHONPATH"] = str(_ROOT)
    if _SECONDS:
        options = ["--max-time", _SECONDS, "--generation-database", "none"]
    else:
        options = ["--generation-deterministic", "--max-examples", os.environ.get("FUZZ_EXAMPLES", "8")]
    schemathesis = [Path(sys.executable).parent / "schemathesis", "--config-file", configuration, "run"]
    with served(live_house, log) as (url, _):
        told = subprocess.run(
            [*schemathesis, f"{url}/openapi.json", "--no-color", *options],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
    print(told.stdout)  # how much was asked, for whoever runs it with -s
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Traceback" not in log.read_text()


def _dictionaries(house: House, jobs: list[str]) -> str:
    """What there is, for addresses and bodies."""
    named = {
        "jobs": jobs,
        "renders": [render["id"] for job in jobs for render in house.renders(job)],
        "models": ["sana-demo", "sprint-demo", "wan-demo"],
        "scorers": ["sharpness", "prompt"],
        "pools": ["sana-demo-local", "wan-demo-local"],
        "lanes": ["sana-demo@fp32", "wan-demo@fp32"],
        "projects": ["ours", "theirs"],
    }
    return "".join(f"\n[dictionaries.{name}]\nvalues = {json.dumps(values)}\n" for name, values in named.items())


def _identities(house: House, file: Path) -> dict[str, str]:
    """Who asks, in the form of Web Fuzzing Commons, and who is to be spared; as environment variables."""
    engine = house.connections.engine
    artist = create_user(engine, house.ours.project_id, "ours-artist", Role.ARTIST, "the password of an artist")
    keys = {
        "ours": create_key(engine, house.ours.project_id, name="fuzz", user_id=artist),
        "theirs": create_key(engine, house.theirs.project_id, name="fuzz", user_id=house.theirs.user_id),
        "admin": create_key(engine, house.ours.project_id, name="fuzz", user_id=house.ours.user_id),
    }
    if not _SECONDS:  # who comes next is asked only after several refusals
        keys = {"admin": keys.pop("admin"), **keys}
    entries = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key.secret}"}]}
        for name, key in keys.items()
    ]
    file.write_text(json.dumps({"auth": entries}))
    spared = ["ours-artist", house.ours.user_name, house.theirs.user_name, *(str(key.id) for key in keys.values())]
    return {"FUZZ_IDENTITIES": str(file), "FUZZ_SPARED": ",".join(spared)}
