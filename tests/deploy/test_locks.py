"""The locks: every file by its hash, the versions that pyproject.toml asks for, the same everywhere."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.audit.locked import ALL, IMAGES, LOCKS, Locked, read_lock
from tests.clean_environments import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {
    ALL: ("all", "dev", "docs"),
    "control": ("dashboard", "kubernetes", "oidc", "traces", "sentry", "credentials"),
    "worker-cpu": ("worker", "traces", "sentry", "credentials"),
    "worker-cuda": ("worker", "quantization", "gguf", "nvml", "traces", "sentry", "credentials"),
}
#: What no process in an image needs, and why.
NOT_IN_IMAGES = {
    "all": "a set of the others",
    "dev": "for tests",
    "docs": "for the site",
    "embedded": "the servers of `farm up`",
    "gradio": "asks for an older Pillow; run beside the farm",
    "mcp": "run beside a language model",
    "nf4": "not tested here; docs/containers.md says how to add it",
    "openjd": "for who submits",
    "scoring": "`farm fid`, for who asks",
    "simulate": "for who plans",
    "terminal": "for who looks",
}


def asked(extras: tuple[str, ...]) -> list[Requirement]:
    """What pyproject.toml asks for, with what extras of the farm's own bring."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    found = [Requirement(line) for line in lines]
    own = {extra for one in found if one.name == PROJECT["name"] for extra in one.extras}
    return [one for one in found if one.name != PROJECT["name"]] + (asked(tuple(own)) if own else [])


def test_every_extra_is_in_an_image_or_is_not_needed_there() -> None:
    in_images = {extra for name in IMAGES for extra in EXTRAS[name]}
    assert in_images.isdisjoint(NOT_IN_IMAGES)
    assert in_images | set(NOT_IN_IMAGES) == set(PROJECT["optional-dependencies"])
    script = (ROOT / "deploy/lock").read_text()
    assert in_images <= set(re.findall(r"--extra (\w+)", script))


@pytest.mark.parametrize("name", [ALL, "build", "deploy-tools", "gradio", *IMAGES])
def test_every_locked_package_has_the_hashes_of_its_files_and_no_address(name: str) -> None:
    packages = read_lock(name)
    assert packages
    assert [one.name for one in packages if not one.sha256] == []
    assert "://" not in (LOCKS / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_has_what_pyproject_asks_for_in_versions_that_it_takes(name: str) -> None:
    locked: dict[str, list[Locked]] = {}
    for one in read_lock(name):
        locked.setdefault(one.name, []).append(one)
    for requirement in asked(EXTRAS[name]):
        named = canonicalize_name(requirement.name)
        if named == "torch" and name != "worker-cuda":
            assert named not in locked, "its build is the choice of a package index"
            continue
        assert named in locked, f"{requirement} is not locked: run 'make lock'"
        assert all(one.version in requirement.specifier for one in locked[named]), f"{requirement}: run 'make lock'"


def test_a_lock_is_whole_what_its_packages_ask_for_is_in_it() -> None:
    locked = {one.name: one.version for one in read_lock(ALL)}
    for name in locked:
        try:
            needs = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue
        for need in needs:
            named = canonicalize_name(need.name)
            if (need.marker is None or need.marker.evaluate({"extra": ""})) and named != "torch":
                assert locked.get(named) in need.specifier, f"{name} asks for {need}"


def test_constraints_and_images_have_the_versions_that_the_tests_run_with() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    everything = {f"{one.name}=={one.version}{f' ; {one.marker}' if one.marker else ''}" for one in read_lock(ALL)}
    [torch] = [line for line in lines if line.startswith("torch==")]
    assert set(lines) == {*everything, torch}
    versions = {(one.name, one.version) for one in read_lock(ALL)} | {tuple(torch.split("=="))}
    for name in IMAGES:
        cuda = {(one.name, one.version) for one in read_lock(name) if re.match(r"nvidia-|cuda-|triton$", one.name)}
        assert {(one.name, one.version) for one in read_lock(name)} - cuda <= versions
        assert bool(cuda) == (name == "worker-cuda")


@pytest.mark.long
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("name", [ALL, "worker-cuda"])  # the others have nothing that is not in one of these
def test_what_is_locked_is_there_as_wheels_of_these_hashes_for_every_python(
    name: str, python: str, tmp_path: Path
) -> None:
    asked = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version", python)
    system = ("--python-platform", "x86_64-manylinux_2_28", "--target", str(tmp_path))
    answer = subprocess.run(
        [
            Path(sys.executable).with_name("uv"),
            "pip",
            "install",
            "--dry-run",
            *asked,
            *system,
            "-r",
            LOCKS / f"{name}.txt",
        ],
        capture_output=True,
        text=True,
    )
    if "error sending request" in answer.stderr or "Could not connect" in answer.stderr:
        pytest.skip("the registry does not answer")
    assert answer.returncode == 0, answer.stderr
    assert "Would install " in answer.stderr
