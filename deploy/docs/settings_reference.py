"""Every setting as the code declares it: its kind, its default, its bounds. What each is for stands in settings.md."""

from typing import Any

from farm.settings import Settings
from farm.settings_sources import PREFIX

_KINDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "a text"}
_FORMATS = {"password": "a secret text", "path": "a path"}
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "minLength": "length at least {}",
    "maxLength": "length at most {}",
    "pattern": "of the form `{}`",
}


def settings_rows() -> list[tuple[str, str, str]]:
    """Variable, default and what it may be, in the order of the code; cells are Markdown."""
    declared: dict[str, dict[str, Any]] = Settings.model_json_schema()["properties"]
    return [(f"`{PREFIX}{name.upper()}`", _default(told), _kind(_set(told))) for name, told in declared.items()]


def _set(told: dict[str, Any]) -> dict[str, Any]:
    """What is said of a value that is set; many settings may be left out."""
    return next((one for one in told.get("anyOf", []) if one.get("type") != "null"), told)


def _kind(told: dict[str, Any]) -> str:
    if "enum" in told:
        return "one of " + ", ".join(f"`{value}`" for value in told["enum"])
    if told["type"] == "array":
        return f"a list with commas; each: {_kind(told['items'])}"
    if told["type"] == "object":
        return f"`name=value` with commas; each value: {_kind(told['additionalProperties'])}"
    kind = _FORMATS.get(told.get("format", ""), _KINDS[told["type"]])
    return ", ".join([kind, *(words.format(told[bound]) for bound, words in _BOUNDS.items() if bound in told)])


def _default(told: dict[str, Any]) -> str:
    default = told.get("default")
    if default in (None, [], {}):
        return "none" if "default" in told else "a file in `FARM_DATA_DIR`"
    if isinstance(default, dict):
        default = [f"{name}={value:g}" for name, value in default.items()]
    words = ",".join(default) if isinstance(default, list) else str(default)
    return f"`{words.lower() if isinstance(default, bool) else words}`"
