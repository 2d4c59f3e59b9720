"""Prompts with gaps: `{name}` takes every value of a variable or each row of a table, `__name__` one by chance.

- `variables`: {"colour": ["red", "blue"]} fills `{colour}` with each; several make every combination.
- `rows`: a list of objects, or the text of a CSV file with a line of names: one prompt a row, `{name}` is its column.
- `wildcards`: {"animal": ["cat", "owl"]} fills `__animal__` with one of them, drawn from the render's seed: the same
  seed draws the same again, in every prompt that has the same gaps.

Where a request has variables or rows, `{{` and `}}` are braces; where it has none, braces are text like any other.
"""

import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from farm.csv_records import CsvDialect, CsvReader, by_name, column_names
from farm.did_you_mean import did_you_mean
from farm.errors import MAX_FAULTS, Fault, InvalidRequest
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import MOST_ITEMS, pointer, shown
from farm.params.request.text import text_fault

_GAP = re.compile(r"\{\{|\}\}|\{(\w+)\}")
_WILDCARD = re.compile(r"__(\w+?)__")
#: Of one choice, in characters; what it fills is checked against the model's own limit.
_LONGEST = 100_000
_NAME = re.compile(r"\w{1,80}")


#: Variables, wildcards, or columns of a table.
MOST_NAMES = 100
#: In one prompt, filled or drawn; a name that comes twice counts twice.
MOST_GAPS = 100
#: So much of a prompt that is too long is made, to be shown.
_SHOWN = 200


class Filled(NamedTuple):
    """A prompt, once filled without gaps but for wildcards; `field` is the JSON pointer of its template.

    `chars`: how long it is; of one that is too long the text is only the beginning.
    """

    text: str
    field: str
    chars: int


class _Template(NamedTuple):
    text: str
    field: str


class Templates:
    """The prompts of one request as templates, with what fills them. `faults` and `notices` are request
    validation's.
    """

    def __init__(self, request: JobRequest) -> None:
        self.faults: list[Fault] = []
        self.notices: list[str] = []
        if isinstance(request.prompt, str):
            self._prompts = [_Template(request.prompt, "/prompt")]
        else:
            self._prompts = [_Template(text, f"/prompt/{place}") for place, text in enumerate(request.prompt)]
        self._variables = self._choices("variables", request.variables)
        self._wildcards = self._choices("wildcards", request.wildcards)
        self._rows = self._table(request.rows, request.csv_dialect)
        self._columns = list(self._rows[0]) if self._rows else []
        self._active = request.variables is not None or request.rows is not None
        self._longest = {name: max(texts, key=len) for name, texts in self._wildcards.items() if texts}
        self.wild = bool(self._wildcards)  # whether the same prompt may read differently with another seed
        for name in [name for name in self._columns if name in self._variables]:
            self._refuse(pointer("variables", name), "is a column of rows too; name one of them differently")
        if not self.faults:
            self._check_names()

    def count(self) -> int:
        """How many prompts there will be, without filling any."""
        if not self._active:
            return len(self._prompts)
        return sum(
            prod(len(self._variables[name]) for name in gaps if name in self._variables)
            * (len(self._rows) if any(name in self._columns for name in gaps) else 1)
            for gaps in (self._gaps(text) for text, _ in self._prompts)
        )

    def lone_variables(self) -> dict[str, list[str]]:
        """What fills the gaps of a lone template in which variables alone are: by name, the last the fastest."""
        if len(self._prompts) != 1:
            return {}
        gaps = self._gaps(self._prompts[0].text)
        return {name: self._variables[name] for name in gaps} if all(name in self._variables for name in gaps) else {}

    def fill(self, most_chars: int) -> Iterator[Filled]:
        """Every prompt: template by template, row by row, the last variable the fastest.

        How long each would be is known before it is made: gaps by the thousand, filled with long texts, would fill the
        memory.
        """
        for text, field in self._prompts:
            if not self._active:
                yield Filled(text, field, len(text))
                continue
            counts = Counter(gap[1] for gap in _GAP.finditer(text))
            fixed = len(text) - sum(count * (len(name) + 2 if name else 1) for name, count in counts.items())
            gaps = [name for name in counts if name]
            for values in self._fillings(gaps):
                chars = fixed + sum(counts[name] * len(values[name]) for name in gaps)
                short = text if chars <= most_chars else text[:_SHOWN]
                filled = _fill(short, values) if chars <= most_chars else _fill(short, _shortened(values))
                yield Filled(filled, field, chars)

    def draw(self, prompt: str, seed: int) -> str:
        """The prompt with its wildcards drawn; the n-th of one name is a draw of its own."""
        if not self._wildcards:
            return prompt
        seen: dict[str, int] = {}

        def one(gap: re.Match[str]) -> str:
            name = gap[1]
            if name not in self._wildcards:
                return gap[0]
            seen[name] = seen.get(name, 0) + 1
            digest = hashlib.sha256(f"{seed}/{name}/{seen[name]}".encode()).digest()
            return self._wildcards[name][int.from_bytes(digest[:8], "big") % len(self._wildcards[name])]

        return _WILDCARD.sub(one, prompt)

    def longest_chars(self, prompt: Filled) -> int:
        """How long the prompt is with the longest choice of each wildcard: if this is legal, so is every draw."""
        gaps = [gap for gap in _WILDCARD.finditer(prompt.text) if gap[1] in self._longest]
        return prompt.chars + sum(len(self._longest[gap[1]]) - len(gap[0]) for gap in gaps)

    def longest(self, prompt: str) -> str:
        """The prompt with the longest choice of each wildcard."""
        return _WILDCARD.sub(lambda gap: self._longest.get(gap[1], gap[0]), prompt)

    def change(self, prompt: Filled) -> bool:
        """Whether something was filled in, so that what the user wrote reads differently."""
        return self._active or any(gap[1] in self._wildcards for gap in _WILDCARD.finditer(prompt.text))

    def _gaps(self, text: str) -> list[str]:
        """The names in the text's gaps, each once, in their order."""
        found = [gap[1] for gap in _GAP.finditer(text) if gap[1]] if self._active else []
        return list(dict.fromkeys(found))

    def _fillings(self, gaps: Sequence[str]) -> Iterator[dict[str, str]]:
        names = [name for name in gaps if name in self._variables]
        rows: Sequence[Mapping[str, str]] = self._rows if any(name in self._columns for name in gaps) else [{}]
        for row in rows:
            for values in product(*(self._variables[name] for name in names)):
                yield {**row, **dict(zip(names, values, strict=True))}

    def _choices(self, field: str, given: Mapping[str, list[str]] | None) -> dict[str, list[str]]:
        if len(given or {}) > MOST_NAMES:
            self._refuse(pointer(field), f"has {len(given or {}):,} names; at most {MOST_NAMES} fill gaps")
            return {}
        for name, values in (given or {}).items():
            if not _NAME.fullmatch(name) or (field == "wildcards" and "__" in name):
                self._refuse(pointer(field, name), "a name has letters, digits and single underscores, at most 80")
            if not values:
                self._refuse(pointer(field, name), "must hold at least one text; seen an empty list")
            for place, value in enumerate(values):
                if fault := text_fault(value, _LONGEST, may_be_empty=True):
                    self._refuse(pointer(field, name, place), fault)
        return dict(given or {})

    def _table(self, rows: list[dict[str, str]] | str | None, dialect: CsvDialect | None) -> list[dict[str, str]]:
        if rows is None:
            return []
        table = self._read_csv(rows, dialect) if isinstance(rows, str) else rows
        if not table and not self.faults:
            self._refuse(pointer("rows"), "must hold at least one row; seen none")
        if table and len(table[0]) > MOST_NAMES:
            self._refuse(pointer("rows"), f"has {len(table[0]):,} columns; at most {MOST_NAMES} fill gaps")
            return []
        for place, row in enumerate(table):
            if set(row) != set(table[0]):
                here, first = ", ".join(sorted(row)), ", ".join(sorted(table[0]))
                self._refuse(pointer("rows", place), f"has other columns ({here}) than the first row ({first})")
        return table

    def _read_csv(self, text: str, dialect: CsvDialect | None) -> list[dict[str, str]]:
        """The rows of a table that came as text; the notices say how many they are."""
        names: list[str] = []
        table: list[dict[str, str]] = []
        line = 1
        for record in CsvReader(io.StringIO(text, newline=""), dialect):
            if len(self.faults) > MAX_FAULTS or len(table) > MOST_ITEMS:
                self._refuse(pointer("rows"), f"was read up to line {line:,}, with {len(table):,} rows")
                return []
            try:
                if record.fault is not None:
                    raise InvalidRequest([Fault("", record.fault)])
                if not record.blank and not names:
                    names = column_names(record.cells)
                    if not all(_NAME.fullmatch(name) for name in names if name):
                        told = f"names a column with other than letters, digits and underscores; seen {shown(names)}"
                        raise InvalidRequest([Fault("", told)])
                elif not record.blank:
                    table.append(by_name(record.cells, names))
            except InvalidRequest as refused:
                self._refuse(pointer("rows"), f"line {line}: {refused.faults[0].message}")
                if not names:
                    return []
            if record.notice:
                self.notices.append(f"/rows: line {line}: {record.notice}")
            line += record.lines
        self.notices.append(f"/rows: the table has {len(table):,} {'row' if len(table) == 1 else 'rows'}")
        return table

    def _check_names(self) -> None:
        """Every gap has something that fills it, and everything given fills a gap."""
        if not self._active and not self.wild:
            return
        known, used = dict.fromkeys([*self._variables, *self._columns]), set[str]()
        wild: set[str] = set()
        for text, field in self._prompts:
            gaps = self._gaps(text)
            used |= set(gaps)
            drawn = [gap[1] for gap in _WILDCARD.finditer(text)] if self.wild else []
            wild |= set(drawn)
            if (many := len(drawn) + (sum(1 for _ in _GAP.finditer(text)) if self._active else 0)) > MOST_GAPS:
                self._refuse(field, f"has {many:,} gaps; at most {MOST_GAPS} are filled")
                continue
            for name in gaps:
                if len(self.faults) > MAX_FAULTS:  # to guess what was meant takes a while
                    return
                if name not in known:
                    self._refuse(field, f"nothing fills {{{name}}}; {did_you_mean(name, known)}")
        for name in self._variables:
            if name not in used:
                self._refuse(pointer("variables", name), f"no prompt has the gap {{{name}}}")
        for name in self._wildcards:
            if name not in wild:
                self._refuse(pointer("wildcards", name), f"no prompt has the gap __{name}__")
        if self._columns and not used & set(self._columns):
            self._refuse(pointer("rows"), f"no prompt has a gap for a column; they are {', '.join(self._columns)}")
        elif unused := [name for name in self._columns if name not in used]:
            self.notices.append(f"/rows: no prompt uses {', '.join(unused)}")

    def _refuse(self, field: str, message: str) -> None:
        if len(self.faults) <= MAX_FAULTS * 10:  # more are not even counted
            self.faults.append(Fault(field, message))


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _GAP.sub(lambda gap: gap[0][0] if gap[1] is None else values[gap[1]], text)


def _shortened(values: Mapping[str, str]) -> dict[str, str]:
    return {name: text[:_SHOWN] for name, text in values.items()}
