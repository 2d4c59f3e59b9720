"""What is typed under 'Sweep and templates' as the fields of a request: one line for each list.

guidance_scale = 1, 3, 5        a parameter takes every value
{colour} = red, blue            a gap of the prompts takes every value
__animal__ = cat, owl           a gap takes one value, drawn by the seed
"""

import re
from collections.abc import Callable
from typing import Any

from dashboard.web.form.numbers import number
from dashboard.web.form.submission import Form
from farm.byte_order_marks import lines_with_words

_VARIABLE = re.compile(r"\{(.*)\}")
_WILDCARD = re.compile(r"__(.*)__")


def read_sweep(text: str, form: Form, request: dict[str, Any]) -> None:
    """Put the lists into the request; a line that is none of the three becomes a field that request validation
    refuses.
    """
    kinds = _numbers(form)
    for line in lines_with_words(text):
        name, _, values = (part.strip() for part in line.partition("="))
        texts = [value.strip() for value in values.split(",")] if values else []
        if gap := _VARIABLE.fullmatch(name):
            request.setdefault("variables", {})[gap[1].strip()] = texts
        elif gap := _WILDCARD.fullmatch(name):
            request.setdefault("wildcards", {})[gap[1].strip()] = texts
        else:
            request[name] = [_value(kinds.get(name), value) for value in texts]


def _numbers(form: Form) -> dict[str, Callable[[str], int | float]]:
    fields = [form.width, form.height, *form.options]
    whole = {field.name for field in fields if field.step != "any"} | {"num_frames"}
    return {
        field.name: int if field.name in whole else float
        for field in fields
        if field.kind == "number" or field.name in whole
    }


def _value(kind: Callable[[str], int | float] | None, text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    return number(text, kind) if kind else text
