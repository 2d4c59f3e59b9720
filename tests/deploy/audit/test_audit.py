"""`make audit`: licences are judged, lists of parts are valid, and a hole that nobody could ask about is no 'none'."""

import json
import os
import socket
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from deploy.audit.accepted_holes import Accepted, judge_holes, read_accepted
from deploy.audit.licences import LicenceTable, judge, read_table, unused
from deploy.audit.locked import ALL, IMAGES, Locked, read_lock
from deploy.audit.sbom import bill_of_materials
from deploy.audit.vulnerabilities import Hole, told
from tests.clean_environments import ROOT


def every_package() -> list[Locked]:
    return [one for name in (ALL, *IMAGES) for one in read_lock(name) if one.installed_somewhere]


def locked(name: str) -> Locked:
    return Locked(canonicalize_name(name), "1.0", None, ("a" * 64,))


def table(**exceptions: dict[str, str]) -> LicenceTable:
    return LicenceTable.model_validate(
        {
            "allowed": ["MIT"],
            "words": {},
            "read": {"either": "GPL-3.0-only OR MIT", "both": "GPL-3.0-only AND MIT", "odd": "as you like"},
            "exceptions": exceptions,
        }
    )


def test_every_locked_package_has_an_allowed_licence_or_a_reason_and_the_table_has_nothing_old() -> None:
    assert [f"{one.package.name} {one.fault}" for one in judge(every_package(), read_table()) if one.fault] == []
    assert unused(read_table(), every_package()) == []
    assert all(len(one.why) > 20 for one in read_table().exceptions.values())


def test_what_an_image_hands_on_beside_permissive_code_is_in_its_notice() -> None:
    notice = (ROOT / "deploy/docker/NOTICE").read_text()
    licences = {one.package.name: one.licence or "" for one in judge(read_lock("worker-cuda"), read_table())}
    assert "GPL-3.0-only" in licences["imageio-ffmpeg"]
    assert "imageio-ffmpeg" in notice
    assert any("NVIDIA" in licence for licence in licences.values())
    assert "NVIDIA" in notice


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("either", None),
        ("both", "does not allow"),
        ("odd", "no SPDX expression"),
        ("nobody-has-this", "says no licence that is understood"),
        ("excepted", None),
    ],
)
def test_a_licence_that_the_table_does_not_allow_is_a_fault(name: str, fault: str | None) -> None:
    excepted = {"licence": "GPL-3.0-only", "why": "for the sake of this test"}
    [judged] = judge([locked(name)], table(excepted=excepted))
    assert (judged.fault is None) == (fault is None)
    assert (fault or "") in (judged.fault or "")


@pytest.mark.parametrize("image", [ALL, *IMAGES])
def test_a_list_of_parts_is_valid_and_names_every_package_with_hashes_and_licence(image: str) -> None:
    packages = [one for one in read_lock(image) if one.installed_somewhere]
    text = bill_of_materials(image, judge({one.name: one for one in packages}.values(), read_table()))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    parts = {part["name"]: part for part in document["components"]}
    assert parts.keys() == {one.name for one in packages}
    assert all(part["hashes"] and part["licenses"] and part["purl"].startswith("pkg:pypi/") for part in parts.values())
    assert document["metadata"]["component"]["name"] == "latent-farm"
    needs = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert f"kombu=={parts['kombu']['version']}" in needs[f"celery=={parts['celery']['version']}"]


def test_a_package_that_the_service_does_not_know_is_not_counted_as_clean() -> None:
    answer = {
        "dependencies": [
            {"name": "well", "version": "1", "vulns": []},
            {"name": "ill", "version": "2", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}]},
            {"name": "strange", "skip_reason": "not found"},
        ]
    }
    holes = told(json.dumps(answer), [("well", "1"), ("ill", "2"), ("strange", "4"), ("forgotten", "5")])
    assert [str(hole) for hole in holes.found] == ["ill 2: PYSEC-1, CVE-1; mended in 3"]
    assert holes.unknown == ["strange: not found", "forgotten: not in the answer"]


def test_a_hole_is_borne_with_a_reason_until_its_day_and_no_entry_outlives_what_it_is_for() -> None:
    hole = Hole("ill", "2", ("PYSEC-1", "CVE-1"), ())
    entry = Accepted("CVE-1", "ill", "for the sake of this test", date(2027, 1, 31))
    other = Accepted("CVE-1", "well", "for the sake of this test", date(2027, 1, 31))
    borne = judge_holes([hole], [entry, other], date(2027, 1, 30))
    assert (borne.open, borne.borne, borne.unused) == ([], [(hole, entry)], [other])
    over = judge_holes([hole], [entry], date(2027, 1, 31))
    assert (over.open, over.borne, over.unused) == ([hole], [], [entry])
    assert all(one.why.endswith(".") for one in read_accepted())


def test_without_the_service_it_says_so_and_does_not_end_with_0(tmp_path: Path) -> None:
    with socket.socket() as closed:  # bound, and nobody listens: every request is refused
        closed.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
        nobody = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "https_proxy": proxy, "http_proxy": proxy, "NO_PROXY": ""}
        answer = subprocess.run(
            [sys.executable, "-m", "deploy.audit", "--sbom", tmp_path],
            cwd=ROOT,
            env={**os.environ, **nobody, "no_proxy": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    assert answer.returncode == 3, answer.stdout + answer.stderr
    assert "NOT KNOWN" in answer.stdout
    assert "no clean result" in answer.stdout
    assert "all are allowed" in answer.stdout
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.cdx.json" for name in (ALL, *IMAGES)}
