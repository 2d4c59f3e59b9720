"""Which licence each locked package has, as an SPDX expression, and whether licences.toml allows it."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from license_expression import AND, OR, ExpressionError, LicenseExpression, Licensing, get_spdx_licensing
from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict

from deploy.audit.locked import Locked

TABLE = Path(__file__).with_name("licences.toml")


class _Exception(BaseModel):
    model_config = ConfigDict(extra="forbid")
    licence: str
    why: str


class LicenceTable(BaseModel):
    """licences.toml, whose comments say what each part is."""

    model_config = ConfigDict(extra="forbid")
    allowed: list[str]
    words: dict[str, str]
    read: dict[str, str]
    exceptions: dict[str, _Exception]


@dataclass(frozen=True)
class Licensed:
    """A package, its licence, and what is wrong with it, if anything is."""

    package: Locked
    licence: str | None
    fault: str | None


def read_table() -> LicenceTable:
    """The table. Raises ValidationError."""
    return LicenceTable.model_validate(tomllib.loads(TABLE.read_text(encoding="utf-8")))


def judge(packages: Iterable[Locked], table: LicenceTable) -> list[Licensed]:
    """Every package with its licence, and a fault where the table does not allow it."""
    return [_judge(package, table) for package in packages]


def _judge(package: Locked, table: LicenceTable) -> Licensed:
    if excepted := table.exceptions.get(package.name):
        return Licensed(package, excepted.licence, None)
    licence = table.read.get(package.name) or declared(package.name, table.words)
    if licence is None:
        return Licensed(package, None, "says no licence that is understood: read it, and put it into licences.toml")
    try:
        expression = _spdx().parse(licence, validate=True)
    except ExpressionError as error:
        return Licensed(package, licence, f"has the licence {licence!r}, which is no SPDX expression ({error})")
    if _allows(expression, frozenset(table.allowed)):
        return Licensed(package, licence, None)
    return Licensed(package, licence, f"has the licence {licence}, which licences.toml does not allow")


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()  # reads a list of all licences


def declared(name: str, words: Mapping[str, str]) -> str | None:
    """What an installed package says of its licence: as an expression (PEP 639), in classifiers, or in words.

    `words` says which expression other words mean. None: it says nothing that is understood, or is not installed.
    """
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return None
    if "License-Expression" in told:
        return told["License-Expression"]
    classifiers = told.get_all("Classifier") or []
    said = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    known = [words[one] for one in said if one in words]
    if known:
        return " OR ".join(dict.fromkeys(known))
    text = told["License"].strip() if "License" in told else ""
    return words.get(text, text if text and len(text) < 80 else None)


def _allows(expression: LicenseExpression, allowed: frozenset[str]) -> bool:
    if isinstance(expression, AND):
        return all(_allows(part, allowed) for part in expression.args)
    if isinstance(expression, OR):
        return any(_allows(part, allowed) for part in expression.args)
    return str(expression) in allowed


def unused(table: LicenceTable, packages: Iterable[Locked]) -> list[str]:
    """Names in the table that nothing locks any more."""
    names = {canonicalize_name(package.name) for package in packages}
    return sorted({*table.read, *table.exceptions} - names)
