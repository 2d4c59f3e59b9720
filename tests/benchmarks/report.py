"""What a benchmark says: figures, goals, raw samples; printed, and kept as build/bench/NAME.json.

A goal is a ratio of figures that were measured in the same run, so that it means the same on a slow machine.
"""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FOLDER = Path("build/bench")


@dataclass
class Report:
    """Collects one run of one benchmark. `configuration`: everything that the figures depend on."""

    name: str
    configuration: dict[str, Any]
    measured: dict[str, float] = field(default_factory=dict)
    goal: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    drawing: list[str] = field(default_factory=list)  # lines of text that show the figures

    def sample(self, what: str, values: Sequence[float]) -> float:
        """Keep raw samples, and measure their median, which is returned."""
        self.samples[what] = [float(value) for value in values]
        return self.measure(what, statistics.median(self.samples[what]))

    def measure(self, what: str, value: float) -> float:
        """Keep one figure and print it."""
        self.measured[what] = float(value)
        print(f"{what:<58} {value:>12.4g}", flush=True)
        return float(value)

    def aim(self, what: str, value: float, sense: Literal["<=", ">="], limit: float) -> bool:
        """Measure a figure that has a goal; whether it is met."""
        self.measure(what, value)
        met = value <= limit if sense == "<=" else value >= limit
        self.goal[what] = {"sense": sense, "limit": limit, "met": met}
        print(f"{'':<58} {'holds' if met else 'MISSED'}: goal {sense} {limit:g}", flush=True)
        return met

    @property
    def holds(self) -> bool:
        """Whether there is a goal, and every goal is met by this run's figures."""
        return bool(self.goal) and all(goal["met"] for goal in self.goal.values())

    def write(self) -> Path:
        """Write the JSON and say where it is."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        document = {
            "name": self.name,
            "holds": self.holds,
            "measured": self.measured,
            "goal": self.goal,
            "samples": self.samples,
            "drawing": self.drawing,
            "configuration": self.configuration,
            "machine": _machine(),
            "commit": _commit(),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        path.write_text(json.dumps(document, indent=1) + "\n")
        print(f"{self.name}: {'every goal holds' if self.holds else 'A GOAL IS MISSED'}; {path}", flush=True)
        return path


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed: 0.99 for the p99."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    return (found.stdout.strip() or "unknown") + (" with changes" if changed else "")
