"""What is typed under 'Sweep and templates' as the fields of a request: one line for each list.

guidance = 1, 3, 5              a parameter takes every value; it is called as the form calls it, or as the API does
{colour} = red, blue            a gap of the prompts takes every value
__animal__ = cat, owl           a gap takes one value, drawn by the seed
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.translations.said import word
from dashboard.web.form.numbers import number
from dashboard.web.form.submission import Form
from farm.byte_order_marks import lines_with_words
from farm.did_you_mean import did_you_mean
from farm.errors import Fault
from farm.sentences import sentence

#: The box, as a fault names it.
BOX = "/sweep"
_VARIABLE = re.compile(r"\{(.*)\}")
_WILDCARD = re.compile(r"__(.*)__")
_SEEDS = ("seed", "seeds")


@dataclass
class Sweep:
    """What the box was read as: `typed` has the names of fields as they were typed, by the API's."""

    typed: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def at_the_box(self, faults: Sequence[Fault]) -> list[Fault]:
        """Faults of what stands in the box, told where it stands: '/guidance_scale/1' → 'guidance, value 2: …'."""
        return [*self.faults, *(self._moved(fault) for fault in faults)]

    def _moved(self, fault: Fault) -> Fault:
        name, _, place = fault.field.removeprefix("/").partition("/")
        if name not in self.typed:
            return fault
        typed = self.typed[name]
        if not place.isdecimal():
            return Fault(BOX, sentence("%(name)s: %(fault)s", name=typed, fault=fault.message))
        number = int(place) + 1
        return Fault(
            BOX, sentence("%(name)s, value %(number)s: %(fault)s", name=typed, number=number, fault=fault.message)
        )


def read_sweep(text: str, form: Form, request: dict[str, Any]) -> Sweep:
    """Put the lists into the request, before what other fields of the form say of the same."""
    kinds, names, sweep = _numbers(form), _names(form), Sweep()
    for line_number, line in enumerate(lines_with_words(text), 1):
        name, equals, values = (part.strip() for part in line.partition("="))
        texts = [value.strip() for value in values.split(",")] if values else []
        known = names.get(_plain(name))
        if not equals or not texts:
            told = sentence(
                "line %(number)s: %(line)s is no list; write such as guidance = 1, 3, 5",
                number=line_number, line=repr(line[:60]),
            )  # fmt: skip
            sweep.faults.append(Fault(BOX, told))
        elif gap := _VARIABLE.fullmatch(name):
            request.setdefault("variables", {})[gap[1].strip()] = texts
        elif gap := _WILDCARD.fullmatch(name):
            request.setdefault("wildcards", {})[gap[1].strip()] = texts
        elif known is None:
            hint = did_you_mean(_plain(name), names)
            told = sentence(
                "line %(number)s: %(name)s is nothing that this model can vary; %(hint)s",
                number=line_number, name=repr(name[:60]), hint=hint,
            )  # fmt: skip
            sweep.faults.append(Fault(BOX, told))
        elif known in sweep.typed:
            told = sentence(
                "line %(number)s: %(name)s has a line already; put all in one",
                number=line_number, name=repr(name[:60]),
            )  # fmt: skip
            sweep.faults.append(Fault(BOX, told))
        else:
            sweep.typed[known] = name
            request[known] = [_value(kinds.get(known), value) for value in texts]
            if known == "seeds":
                request.pop("seed_count", None)
    return sweep


def _names(form: Form) -> dict[str, str]:
    """What people may call a field, with the API's name: its label, also in their language, or that name."""
    fields = [form.width, form.height, *(option for option in form.options if option.varies)]
    found = {_plain(name): one.name for one in fields for name in (one.name, one.label, word(one.label))}
    found |= dict.fromkeys(_SEEDS, "seeds")
    if form.has_negative_prompt:
        found |= dict.fromkeys(("negative prompt", "keep out"), "negative_prompt")
    return found


def _plain(name: str) -> str:
    return name.strip().casefold().replace("_", " ")


def _numbers(form: Form) -> Mapping[str, Callable[[str], int | float]]:
    fields = [form.width, form.height, *form.options]
    whole = {one.name for one in fields if one.step != "any"} | {"num_frames", "seeds"}
    return {
        one: int if one in whole else float
        for one in [*(each.name for each in fields if each.kind == "number"), *whole]
    }


def _value(kind: Callable[[str], int | float] | None, text: str) -> Any:
    if text in ("true", "false", "yes", "no"):
        return text in ("true", "yes")
    return number(text, kind) if kind else text
