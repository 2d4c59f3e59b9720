"""Pages that are written from the code: commands, the HTTP API, settings, errors and metrics."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from click import Context

from dashboard.api.document import openapi_document
from deploy.docs.settings_reference import settings_rows
from farm.cli import LazyCommand, build_app
from farm.metrics import process_metrics
from farm.metrics.process_metrics import Metric
from farm.problems import every_error


def pages() -> dict[str, str]:
    """Each page in Markdown, by its name in the site."""
    return {
        "reference/commands.md": _commands(),
        "reference/api.md": _api(),
        "reference/settings.md": _settings(),
        "reference/errors.md": _errors(),
        "reference/metrics.md": _metrics(),
    }


def _commands() -> str:
    parts = ["# Every command and option\n\nAs `farm COMMAND --help` says it.\n"]
    for path, command in _each_command(typer.main.get_command(build_app()), "farm"):
        context = Context(command, info_name=path, max_content_width=100)
        parts.append(f"## {path}\n\n```text\n{command.get_usage(context)}\n```\n\n{_plain(command.help)}\n")
        rows = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
        if rows:
            parts.append(_table(("option", "what it does"), [(f"`{name}`", _cell(about)) for name, about in rows]))
    return "\n".join(parts)


def _each_command(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    command = command.load() if isinstance(command, LazyCommand) else command
    below = getattr(command, "commands", {})
    if not below or (path != "farm" and command.invoke_without_command):
        yield path, command
    for name, one in sorted(below.items()):
        yield from _each_command(one, f"{path} {name}")


def _api() -> str:
    document = json.loads(openapi_document())
    parts = ["# Every address of the API\n\nAs `/openapi.json` of a farm has it, with all fields.\n"]
    for path, item in document["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if told := item.get(method):
                parts.append(f"## {method.upper()} {path}\n\n{_plain(told.get('summary'))}\n")
                if told.get("description"):
                    parts.append(_plain(told["description"]) + "\n")
                rows = [
                    (f"`{one['name']}`", one["in"], _cell(one.get("description") or one["schema"].get("description")))
                    for one in told.get("parameters", [])
                ]
                if rows:
                    parts.append(_table(("parameter", "in", "what it is"), rows))
                answers = [(code, _cell(answer.get("description"))) for code, answer in told["responses"].items()]
                parts.append(_table(("answer", "when"), answers))
    return "\n".join(parts)


def _settings() -> str:
    head = "# Every setting\n\n[Settings](../settings.md) says what each is for, and how it is given.\n"
    rows = [(name, default.replace("|", "\\|"), may.replace("|", "\\|")) for name, default, may in settings_rows()]
    return head + "\n" + _table(("variable", "default", "what it may be"), rows)


def _errors() -> str:
    rows = [
        (f"`{kind.type}`", str(kind.status), kind.title, _cell(kind.__doc__))
        for kind in sorted(every_error(), key=lambda kind: kind.type)
    ]
    head = "# Every error\n\nThe end of a problem's `type` (RFC 9457), its status, and what it means.\n"
    return head + "\n" + _table(("type", "status", "title", "meaning"), rows)


def _metrics() -> str:
    rows = [
        (f"`{one.name}`", str(one.kind.value), ", ".join(f"`{label}`" for label in one.labels), _cell(one.about))
        for one in vars(process_metrics).values()
        if isinstance(one, Metric)
    ]
    head = "# Every metric\n\n[Monitoring](../monitoring.md) says what to do with them.\n"
    return head + "\n" + _table(("metric", "kind", "labels", "what it counts"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str | None) -> str:
    return _plain(text).replace("|", "\\|").replace("\n", " ")


def _plain(text: str | None) -> str:
    """Text of the code as Markdown: nothing in it is HTML or a link."""
    return " ".join((text or "").split()).replace("<", "&lt;").replace("[", "\\[")
