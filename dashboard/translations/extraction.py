"""What `pybabel extract` finds in Python and in the catalog: messages of calls, and those that stand in declarations.

The titles of a request's fields label the form; the titles and docstrings of errors are what their pages say. What
errors say of a case is text with values in it, `Conflict(f"Job {job.id} has ended.")`: its message has a gap for each.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import IO, Any

import yaml

#: The functions whose first texts are messages, with the one of gettext's that takes as many.
_CALLS = {
    "gettext": "gettext",
    "sentence": "gettext",
    "ngettext": "ngettext",
    "counted": "ngettext",
}
#: What is raised or told, with the place of its text among the arguments.
_TOLD = {
    **dict.fromkeys(("Conflict", "NotFound", "Forbidden", "TooLarge", "QuotaExceeded", "BudgetSpent", "Busy"), 0),
    **dict.fromkeys(("CannotScore", "NoScene", "NoWeights", "Unreadable", "NoLora"), 0),
    "NotAWorkflow": 0,
    "Unknown": 1,
    "Meant": 1,
    "Fault": 1,
    "Notice": 1,
    "refused": 2,
    "noticed": 2,
}
#: The same of files that people send: what follows 'the clip', or the text of an adapter's fault.
_REFUSED = {"_refused": 0, "_refuse": -1}
#: What a report says of a node of a graph: behind the node.
_OF_NODES = frozenset({"refuse", "notice"})
Found = tuple[int, str, str | tuple[str, ...], list[str]]


def python(file: IO[bytes], keywords: Any, tags: Any, options: Any) -> Iterator[Found]:
    """A method of extraction, as Babel calls it: gives lines, functions, messages and comments.

    The options of a file: with `fields` the titles of its fields are shown on pages, with `errors` what it raises, with
    `refusals` what it says of a file that somebody sent, with `graphs` what it says of nodes of a graph.
    """
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            needed = "fields" if name == "Field" else "refusals" if name in _REFUSED else "errors"
            if name not in {"Field", *_TOLD, *_REFUSED} or options.get(needed):
                yield from _call(node, name)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and options.get("graphs"):
            if node.func.attr in _OF_NODES:
                yield from _told(node.args[1:2])
        elif isinstance(node, ast.ClassDef):
            yield from _error(node)


def catalog(file: IO[bytes], keywords: Any, tags: Any, options: Any) -> Iterator[Found]:
    """The same for the built-in catalog: what models are described as. With `titles` also those, where they are words.

    Titles of published models are names.
    """
    for entry in yaml.safe_load(file)["models"].values():
        for field in ("description", "title") if options.get("titles") else ("description",):
            if entry.get(field):
                yield 1, "gettext", entry[field], []


def _call(call: ast.Call, name: str) -> Iterator[Found]:
    """Of `sentence("…")` and its like, and of `Field(…, title="Guidance")`."""
    if name == "Field":
        for given in call.keywords:
            if given.arg == "title" and isinstance(given.value, ast.Constant) and given.value.value:
                yield given.value.lineno, "gettext", str(given.value.value), []
    elif name in _TOLD or name in _REFUSED:
        yield from _told(call.args[(_TOLD | _REFUSED)[name] :][:1])
    elif (function := _CALLS.get(name)) is not None:
        texts = call.args[: 1 if function == "gettext" else 2]
        messages = tuple(str(text.value) for text in texts if isinstance(text, ast.Constant))
        if messages and len(messages) == len(texts):
            yield call.lineno, function, messages if len(messages) > 1 else messages[0], []


def _told(texts: Sequence[ast.expr]) -> Iterator[Found]:
    """Of a text that says one thing or another, both."""
    for text in texts:
        if isinstance(text, ast.IfExp):
            yield from _told([text.body, text.orelse])
        elif message := _with_gaps(text):
            yield text.lineno, "gettext", message, []


def _with_gaps(text: ast.expr) -> str:
    """The message of a text, and of one with values in it; '' where there are no words around them."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    message, names = "", list[str]()
    for part in text.values if isinstance(text, ast.JoinedStr) else []:
        if isinstance(part, ast.Constant):
            message += str(part.value).replace("%", "%%")
        elif isinstance(part, ast.FormattedValue):
            names.append(_name(part.value, names))
            message += f"%({names[-1]})s"
    return message if re.search(r"[a-z]{2}", re.sub(r"%\(\w+\)s", "", message)) else ""


def _name(value: ast.expr, taken: list[str]) -> str:
    """A name for the gap of a value, after what it is read from: `job.id` → 'job', `job.status` → 'status'."""
    words = [
        word for word in re.findall(r"[a-z]+(?:_[a-z]+)*", ast.unparse(value).lower()) if word not in ("id", "self")
    ]
    name = next((word for word in words if word == "status"), words[0] if words else "value")
    return name if name not in taken else f"{name}_{len(taken) + 1}"


def _error(kind: ast.ClassDef) -> Iterator[Found]:
    """Title and docstring of a kind of errors: a class with a `type` and a `title` of its own."""
    own = dict(_constants(kind))
    if "type" in own and "title" in own:
        yield own["title"].lineno, "gettext", str(own["title"].value), []
        if (said := ast.get_docstring(kind)) is not None:
            yield kind.lineno, "gettext", " ".join(said.split()), []


def _constants(kind: ast.ClassDef) -> Iterator[tuple[str, ast.Constant]]:
    for line in kind.body:
        if isinstance(line, ast.Assign | ast.AnnAssign) and isinstance(line.value, ast.Constant):
            yield ast.unparse(line.targets[0] if isinstance(line, ast.Assign) else line.target), line.value
