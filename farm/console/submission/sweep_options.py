"""What the command line says of sweeps and templates: 'guidance_scale=1,3,5', 'colour=red,blue', a CSV file."""

from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from farm.did_you_mean import did_you_mean
from farm.file_errors import file_error
from farm.params.request.declared import SWEPT, declared_fields

Value = int | float | bool | str
_WORDS = {"true": True, "false": False}


def read_sweeps(given: Sequence[str]) -> dict[str, list[Value]]:
    """The lists of parameters, from 'NAME=VALUE,VALUE'. What is wrong with the values, the farm says."""
    lists = _lists(given, "--sweep")
    for name in lists:
        if name not in declared_fields():
            raise typer.BadParameter(f"{name!r} cannot vary; {did_you_mean(name, SWEPT)}", param_hint="--sweep")
    return {name: [_value(name, text) for text in texts] for name, texts in lists.items()}


def read_choices(given: Sequence[str], option: str) -> dict[str, list[str]]:
    """The texts of variables or wildcards, from 'NAME=TEXT,TEXT'."""
    return _lists(given, option)


def read_rows(path: Path) -> str:
    """The text of a CSV file. Raises typer.BadParameter when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8")  # line ends inside cells stay as they are
    except OSError as error:
        raise typer.BadParameter(file_error(error), param_hint="--rows") from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(
            f"{path} is not UTF-8 text (byte {error.start:,}); spreadsheets call it 'CSV UTF-8'", param_hint="--rows"
        ) from error


def read_dialect(given: Sequence[str]) -> dict[str, Value | None]:
    """How a table is written, from 'delimiter=;' or 'quotechar=' (none). What is wrong with it, the farm says."""
    found: dict[str, Value | None] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--csv")
        found[name.strip()] = _WORDS.get(value, value.replace("\\t", "\t") or None)
    return found


def _lists(given: Sequence[str], option: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE,VALUE", param_hint=option)
        if name.strip() in found:
            raise typer.BadParameter(f"{name.strip()!r} is given twice", param_hint=option)
        found[name.strip()] = [value.strip() for value in values.split(",")]
    return found


def _value(name: str, text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    field = declared_fields().get(name)
    kind: Callable[[str], int | float] | None = field.kind if field and field.kind in (int, float) else None
    try:
        return text if kind is None else kind(text)
    except ValueError:
        return text
