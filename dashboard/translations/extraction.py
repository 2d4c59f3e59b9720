"""What `pybabel extract` finds in Python: messages of calls, and those that stand in declarations.

The titles of a request's fields label the form; the titles and docstrings of errors are what their pages say.
"""

import ast
from collections.abc import Iterator
from typing import IO, Any

#: The functions whose first texts are messages, with the one of gettext's that takes as many.
_CALLS = {
    "gettext": "gettext",
    "sentence": "gettext",
    "ngettext": "ngettext",
    "counted": "ngettext",
}
Found = tuple[int, str, str | tuple[str, ...], list[str]]


def python(file: IO[bytes], keywords: Any, tags: Any, options: Any) -> Iterator[Found]:
    """A method of extraction, as Babel calls it: gives lines, functions, messages and comments.

    The option `fields` says that the titles of a file's fields are shown on pages.
    """
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id != "Field" or options.get("fields"):
                yield from _call(node, node.func.id)
        elif isinstance(node, ast.ClassDef):
            yield from _error(node)


def _call(call: ast.Call, name: str) -> Iterator[Found]:
    """Of `sentence("…")` and its like, and of `Field(…, title="Guidance")`."""
    if name == "Field":
        for given in call.keywords:
            if given.arg == "title" and isinstance(given.value, ast.Constant) and given.value.value:
                yield given.value.lineno, "gettext", str(given.value.value), []
    elif (function := _CALLS.get(name)) is not None:
        texts = call.args[: 1 if function == "gettext" else 2]
        messages = tuple(str(text.value) for text in texts if isinstance(text, ast.Constant))
        if messages and len(messages) == len(texts):
            yield call.lineno, function, messages if len(messages) > 1 else messages[0], []


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
