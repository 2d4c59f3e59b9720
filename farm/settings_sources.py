"""Where settings come from, a YAML file and variables, and what is wrong with them in words for people."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from farm.did_you_mean import did_you_mean
from farm.errors import Fault, in_words
from farm.yaml_files import YamlFile

PREFIX = "FARM_"
#: Variables with our prefix that are no settings: name → who reads it.
OTHER_VARIABLES = {
    "FARM_CONFIG": "the path of the YAML file with settings",
    "FARM_URL": "the client and the command line: the address of the dashboard",
    "FARM_KEY": "the client and the command line: the key of a project",
    "FARM_HORDE_KEY": "`farm horde`: the key of an account of an AI Horde",
}
#: Overrides of single catalog values: FARM_CATALOG__models__sana-demo__defaults__guidance_scale=5.0
CATALOG_OVERRIDE = "FARM_CATALOG__"


def take_file(
    file: YamlFile, fields: Collection[str], values: dict[str, Any], origins: dict[str, str], faults: list[Fault]
) -> None:
    for key, value in file.values.items():
        if key not in fields:
            text = f"unknown setting; {did_you_mean(str(key), fields, show=3)}"
            faults.append(Fault(f"{file.place(str(key))}: {key}", text))
        elif value is not None:
            values[key] = value
            origins[key] = file.place(key)


def take_variables(
    variables: Mapping[str, str],
    fields: Collection[str],
    values: dict[str, Any],
    origins: dict[str, str],
    faults: list[Fault],
) -> None:
    known = {PREFIX + name.upper(): name for name in fields}
    for variable, value in sorted(variables.items()):
        if not variable.startswith(PREFIX) or variable.startswith(CATALOG_OVERRIDE):
            continue
        if variable in known:
            if value != "":  # an empty variable is an unset one, as in compose files
                values[known[variable]] = value
                origins[known[variable]] = f"environment variable {variable}"
        elif variable not in OTHER_VARIABLES:
            meant = did_you_mean(variable, [*known, *OTHER_VARIABLES], show=3)
            faults.append(Fault(f"environment variable {variable}", f"unknown setting; {meant}"))


def describe(
    error: ValidationError, values: dict[str, Any], origins: dict[str, str], secrets: Collection[str]
) -> dict[str, list[Fault]]:
    """Faults by field, '' for those of several fields; values of `secrets` are not shown."""
    faults: dict[str, list[Fault]] = {}
    for found in error.errors(include_url=False):
        if found["type"] == "default_factory_not_called":
            continue  # follows from the fault of another field, which is listed
        key = ".".join(str(part) for part in found["loc"]) or "settings"
        field = str(found["loc"][0]) if found["loc"] else ""
        message = in_words(found["msg"])
        if field and field not in secrets:
            message += f"; seen {values.get(field)!r}"
        elif field and "seen" not in message:
            message += "; its value is secret and not shown"
        origin = origins.get(field)
        faults.setdefault(field, []).append(Fault(f"{origin}: {key}" if origin else key, message))
    return faults
