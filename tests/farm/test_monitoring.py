"""What operators load into Prometheus and Grafana asks for metrics that there are, and says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.dashboard import as_json
from farm.metrics.farm_wide import FARM_METRICS
from farm.metrics.process_metrics import PROCESS_METRICS, Kind

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus"
ALERTS = [rule for group in yaml.safe_load((RULES / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
METRICS = {metric.name: metric for metric in (*FARM_METRICS, *PROCESS_METRICS)}
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed (Debian's package prometheus)"
)


def questions() -> Iterator[str]:
    """All that the dashboard asks, with Grafana's own variables filled in."""
    for panel in json.loads(as_json())["panels"]:
        for target in panel.get("targets", []):
            yield re.sub(r"\$(lane|pool)", ".*", target["expr"]).replace("$__rate_interval", "5m")


def asked(question: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of a question, each with the labels that it is chosen by."""
    for name, chosen in re.findall(r"\b(farm_\w+)(?:\{([^}]*)\})?", question):
        yield name, set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", chosen))


def promtool(*arguments: str, folder: Path) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", "alerts_test.yml", folder=RULES)


@needs_promtool
def test_prometheus_understands_the_alerts_and_all_that_the_dashboard_asks(tmp_path: Path) -> None:
    rules = [{"record": f"question:{number}", "expr": expr} for number, expr in enumerate(questions())]
    (tmp_path / "questions.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(RULES / "alerts.yml"), "questions.yml", folder=tmp_path)


@needs_promtool
@pytest.mark.parametrize("page", ["monitoring.md", "kubernetes.md"])
def test_prometheus_takes_the_configuration_that_a_page_gives(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n((?:scrape_configs|rule_files):.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        # Debian's build is without Kubernetes.
        block = re.sub(r"kubernetes_sd_configs: .*", "static_configs: []", block)
        (tmp_path / "prometheus.yml").write_text(block)
        promtool("check", "config", "--syntax-only", "prometheus.yml", folder=tmp_path)


def test_each_alert_is_tested_and_has_its_section_with_what_to_do() -> None:
    tests = yaml.safe_load((RULES / "alerts_test.yml").read_text())["tests"]
    fired = [rule["alertname"] for test in tests for rule in test["alert_rule_test"] if rule["exp_alerts"]]
    names = [alert["alert"] for alert in ALERTS]
    assert fired == names
    runbook = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8").partition("## Alerts")[2]
    sections: dict[str, Any] = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", runbook, re.MULTILINE | re.DOTALL))
    assert list(sections) == names
    for alert in ALERTS:
        assert "\n- " in sections[alert["alert"]], alert
        assert alert["annotations"]["runbook_url"] == f"docs/monitoring.md#{alert['alert'].lower()}"
        assert alert["labels"]["severity"] in ("critical", "warning")


@pytest.mark.parametrize("question", [*(alert["expr"] for alert in ALERTS), *questions()])
def test_what_is_asked_for_is_there_with_these_labels(question: str) -> None:
    found = list(asked(question))
    assert found
    for name, labels in found:
        metric = METRICS.get(re.sub(r"_(bucket|sum|count)$", "", name)) or METRICS[name]
        assert (metric.name != name) == (metric.kind is Kind.HISTOGRAM)
        assert labels <= {*metric.labels, "le"}, question
        assert metric.kind is not Kind.COUNTER or re.search(r"(rate|increase)\(" + name, question)


def test_the_dashboard_is_what_the_code_makes_of_it() -> None:
    written = (ROOT / "deploy" / "grafana" / "latent-farm.json").read_text(encoding="utf-8")
    assert written == as_json(), "run: python -m deploy.grafana"
    panels = [panel for panel in json.loads(written)["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["options"] for panel in panels)
