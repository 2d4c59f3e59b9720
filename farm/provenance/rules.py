"""What outputs of some projects say of where they come from, where it is something else than of all others.

A YAML file that FARM_PROVENANCE_RULES names has a rule for a project under its name; '*' is for all that have none.
Each process reads it once, at its start.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from farm.did_you_mean import did_you_mean
from farm.errors import Fault, SettingsError, in_words
from farm.settings import Settings
from farm.yaml_files import FaultyYaml, YamlFile, read_yaml

#: The rule for every project without one of its own.
OTHERS = "*"


class Rule(BaseModel):
    """Of one project. What is left out is as the settings say; files are PEM files, named by their whole path."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    provenance: Literal["none", "source-type", "credentials"] | None = Field(
        None, description="as FARM_PROVENANCE; left out: what that says"
    )
    certificate_file: Path | None = Field(None, description="what signs, in place of the farm's own; for 'credentials'")
    key_file: Path | None = Field(None, description="its key; read by workers alone")
    drafts: bool = Field(True, description="false: drafts say nothing and are not signed, whatever outputs do")

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.certificate_file is None and self.key_file is not None:
            raise ValueError("key_file needs its certificate_file beside it")
        if self.certificate_file is not None and self.provenance != "credentials":
            raise ValueError("certificate_file needs 'provenance: credentials' beside it")
        for file in (self.certificate_file, self.key_file):
            if file is not None and not file.is_absolute():
                raise ValueError(f"files are named by their whole path; seen {str(file)!r}")
        return self


def read_rules(settings: Settings) -> Mapping[str, Rule]:
    """The rules by the names of projects; none where the settings name no file. Raises SettingsError: every fault."""
    if settings.provenance_rules is None:
        return {}
    rules, places = _read(settings.provenance_rules)
    if settings.credentials_certificate_file is None:
        faults = [
            Fault(places[name], "has no certificate_file, and there is no FARM_CREDENTIALS_CERTIFICATE_FILE")
            for name, rule in rules.items()
            if rule.provenance == "credentials" and rule.certificate_file is None
        ]
        if faults:
            raise SettingsError(faults)
    return rules


def rule_of(settings: Settings, project: str | None) -> Rule:
    """That of a project, by its name."""
    rules = read_rules(settings)
    return rules.get(project or OTHERS) or rules.get(OTHERS) or Rule()


def under(rule: Rule, settings: Settings) -> Settings:
    """The settings as they are for whom this rule is for."""
    changed: dict[str, Any] = {}
    if rule.provenance is not None:
        changed["provenance"] = rule.provenance
    if rule.certificate_file is not None:
        changed |= {"credentials_certificate_file": rule.certificate_file, "credentials_key_file": rule.key_file}
    return settings.model_copy(update=changed)


@lru_cache(maxsize=8)
def _read(path: Path) -> tuple[Mapping[str, Rule], Mapping[str, str]]:
    """The rules, and where each stands."""
    try:
        file = read_yaml(path)
    except FaultyYaml as unreadable:
        raise SettingsError(unreadable.faults) from None
    rules: dict[str, Rule] = {}
    faults: list[Fault] = []
    for name, values in file.values.items():
        try:
            rules[str(name)] = Rule.model_validate(values)
        except ValidationError as error:
            faults += _faults(file, str(name), error)
    if faults:
        raise SettingsError(faults)
    return rules, {name: f"{file.place(name)}: {name}" for name in rules}


def _faults(file: YamlFile, name: str, error: ValidationError) -> list[Fault]:
    found = []
    for one in error.errors(include_url=False):
        key = ".".join([name, *(str(part) for part in one["loc"])])
        if one["type"] == "extra_forbidden":
            message = f"unknown key; {did_you_mean(str(one['loc'][-1]), Rule.model_fields)}"
        elif one["type"] == "path_type":
            message = f"must be the path of a file; seen {one['input']!r}"
        else:
            message = in_words(one["msg"])
        found.append(Fault(f"{file.place(key)}: {key}", message))
    return found
