"""Put the figures of build/bench/*.json into docs/benchmarks.md: `python -m tests.benchmarks.summary`."""

import json
import re
from pathlib import Path
from typing import Any

from tests.benchmarks.report import FOLDER

PAGE = Path("docs/benchmarks.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
#: What a user would ask first stands first.
_FIRST = "peers"
_HEADING = re.compile(r"^### ([\w-]+):", re.MULTILINE)


def main() -> None:
    """Write the sections between the two marks of the page: new figures in place of old ones of the same benchmark,
    others as they were; what stands around them is written by hand."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    figures, _, after = rest.partition(END)
    reports = [json.loads(path.read_text()) for path in FOLDER.glob("*.json")]
    sections = _sections(figures) | {report["name"]: _section(report) for report in reports}
    ordered = sorted(sections, key=lambda name: (name != _FIRST, name))
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(sections[name] for name in ordered) + f"{END}{after}")


def _sections(figures: str) -> dict[str, str]:
    """Those that stand there, by the names of their benchmarks."""
    starts = [found.start() for found in _HEADING.finditer(figures)]
    parts = [figures[start:end].strip() + "\n\n" for start, end in zip(starts, [*starts[1:], None], strict=True)]
    return dict(zip(_HEADING.findall(figures), parts, strict=True))


def _section(report: dict[str, Any]) -> str:
    machine = report["machine"]
    load = ", ".join(f"{value:.1f}" for value in machine["load"])
    lines = [
        f"### {report['name']}: {'every goal holds' if report['holds'] else 'a goal is missed'}",
        "",
        f"`make bench NAME={report['name']}`, {report['at'][:10]}, commit {report['commit'][:12]}, "
        f"{machine['cores']} cores, load at the end {load}.",
        "",
        "| figure | value | goal |",
        "| --- | --- | --- |",
    ]
    for what, value in report["measured"].items():
        goal = report["goal"].get(what)
        wanted = f"{goal['sense']} {goal['limit']:g}{'' if goal['met'] else ', **missed**'}" if goal else ""
        lines.append(f"| {what} | {value:.4g} | {wanted} |")
    drawing = ["", "```text", *report["drawing"], "```"] if report.get("drawing") else []
    return "\n".join([*lines, *drawing, "", ""])


if __name__ == "__main__":
    main()
