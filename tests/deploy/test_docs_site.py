"""The site of docs/: every page stands in its menu, no link leads nowhere, nothing comes from another host."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.api.document import openapi_document
from deploy.docs import reference
from farm.settings import Settings
from tests.clean_environments import ROOT

CONFIG = ROOT / "deploy/docs/mkdocs.yml"
LOADED = re.compile(r"<(?:script|img|iframe|source|video|link)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


def pages(nav: Any) -> Iterator[str]:
    """Every page of the menu."""
    for entry in nav if isinstance(nav, list) else [nav]:
        if isinstance(entry, str):
            yield entry
        else:
            for below in entry.values():
                yield from pages(below)


def test_every_page_of_docs_stands_in_the_menu_once() -> None:
    listed = list(pages(yaml.safe_load(CONFIG.read_text())["nav"]))
    there = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert sorted(page for page in listed if not page.startswith(("project/", "reference/"))) == sorted(there)
    assert len(set(listed)) == len(listed)


def test_the_reference_has_every_address_of_the_api() -> None:
    addresses = json.loads(openapi_document())["paths"]
    page = reference.pages()["reference/api.md"]
    assert "/api/v1/jobs" in addresses
    assert [address for address in addresses if f" {address}\n" not in page] == []


@pytest.mark.long
def test_the_site_is_built_without_a_lost_link_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--config-file", str(CONFIG)]
    built = subprocess.run([*command, "--site-dir", tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    found = [
        tag for page in tmp_path.rglob("*.html") for tag in LOADED.findall(page.read_text()) if "canonical" not in tag
    ]
    assert found == []
    commands = (tmp_path / "reference/commands.html").read_text()
    assert "farm backup restore" in commands
    assert "/api/v1/jobs" in (tmp_path / "reference/api.html").read_text()
    settings = (tmp_path / "reference/settings.html").read_text()
    assert all(f"FARM_{name.upper()}" in settings for name in Settings.model_fields)
    assert "wrong-revision" in (tmp_path / "reference/errors.html").read_text()
    assert "farm_process_info" in (tmp_path / "reference/metrics.html").read_text()
