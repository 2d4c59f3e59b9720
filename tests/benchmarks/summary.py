"""Put the figures of build/bench/*.json into docs/benchmarks.md: `python -m tests.benchmarks.summary`."""

import json
from pathlib import Path
from typing import Any

from tests.benchmarks.report import FOLDER

PAGE = Path("docs/benchmarks.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def main() -> None:
    """Write the table between the two marks of the page; what stands around it is written by hand."""
    reports = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(_section(report) for report in reports) + f"{END}{after}")


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
