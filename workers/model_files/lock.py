"""A lock is a part of the catalog: the commit, and size and sha256 of each file that loading reads."""

import os
from pathlib import Path
from typing import Any

import yaml

from farm.catalog import ModelEntry
from farm.settings import Settings
from farm.yaml_files import FaultyYaml, read_yaml
from workers.model_files.check_files import check
from workers.model_files.download import fetch
from workers.model_files.download_result import FetchFailed
from workers.model_files.first_loads import locked_files
from workers.model_files.weights import BadWeights, check_whole

_HEAD = "# Written by `farm models lock`: workers load these bytes and no others.\n"


def lock_of(entry: ModelEntry, settings: Settings) -> dict[str, Any]:
    """The part of the entry that pins it to what its source has now.

    Raises FetchFailed or BadWeights when the files cannot be had or are damaged: a damaged file is never locked.
    """
    fetched = fetch(entry, settings)
    check_whole(fetched.folder / path for path in fetched.weights)
    checked = check(fetched)
    if checked.wrong:
        raise BadWeights(f"{checked.reason}; `farm models pull {entry.name}` fetches it again")
    files = [file.model_dump() for file in locked_files(fetched, checked)]
    pinned: dict[str, Any] = {"source": {"revision": fetched.revision}} if entry.source.repo else {}
    return pinned | {"lock": files}


def add_locks(path: Path, locks: dict[str, dict[str, Any]]) -> None:
    """Write the locks into a catalog file; what it says of other models stays. Raises FetchFailed."""
    try:
        before = read_yaml(path).values if path.exists() else {}
    except FaultyYaml as error:
        raise FetchFailed(f"{path} is not written, because it cannot be read: {error.faults[0]}") from error
    models = dict(before.get("models") or {})
    for name, locked in locks.items():
        own = dict(models.get(name) or {})
        source = {**(own.get("source") or {}), **locked.get("source", {})}
        models[name] = own | ({"source": source} if source else {}) | {"lock": locked["lock"]}
    new = path.with_name(f"{path.name}.new")
    new.write_text(as_yaml({**before, "models": models}), encoding="utf-8")
    os.replace(new, path)


def as_yaml(values: dict[str, Any]) -> str:
    """A catalog file; one line for each locked file."""
    return _HEAD + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=200)
