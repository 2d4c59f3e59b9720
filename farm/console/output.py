"""Where a command writes: answers to stdout; progress, notices and errors to stderr, so that stdout can be piped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

#: The option of every command that answers something a program would read; its parameter is called `as_json`.
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as one line of JSON.")]


def out() -> Console:
    """Where answers go. Made anew each time: tests and pipes change sys.stdout."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def err() -> Console:
    """Where everything else goes."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def clean(text: str) -> str:
    """The text without characters that could command a terminal: what a farm says may come from anybody."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def say(text: str, style: str = "") -> None:
    """A remark for people."""
    err().print(Text(clean(text), style))


def answer(as_json: bool, value: Any, words: str) -> None:
    """The answer of a command that says one thing: a sentence on stdout for people, a line of JSON for programs."""
    if as_json:
        print_json(value)
    else:
        out().print(clean(words))


def print_json(value: Any) -> None:
    """One line of JSON on stdout. All JSON that the command answers with is printed here."""
    print(json.dumps(_plain(value), ensure_ascii=sys.stdout.encoding.lower() != "utf-8"), flush=True)


def _plain(value: Any) -> Any:
    """What JSON can say of it: replies of the farm as the API has them, whatever else is no value as its text."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | Iterator):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)
