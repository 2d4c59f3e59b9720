"""The driver for clusters, against an API over real HTTP: replicas, who goes first, and what is said when it fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from farm.catalog import KubernetesScale, Scaling
from farm.connections import Connections
from farm.lifecycle import WorkerStatus
from scheduler.autoscale.driver_interface import NotScaled, Order
from scheduler.autoscale.kubernetes import DELETION_COST, Kubernetes
from tests.scheduler.autoscale.kubernetes_api import KubernetesApi, kubernetes_api
from tests.scheduler.autoscale.test_autoscaler import CHEAP, asked, decide, pool, say, work
from tests.scheduler.autoscale.test_autoscaler import farm as scaled_farm  # noqa: F401 - a fixture
from tests.scheduler.jobs import sign_on

SCALING = Scaling(
    driver="kubernetes",
    maximum=8,
    startup_seconds=20,
    kubernetes=KubernetesScale(namespace="farm", name="sana-workers"),
)
KEY = "farm/deployments/sana-workers"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    with kubernetes_api(tmp_path) as (running, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        running.replicas[KEY] = 0
        yield running


@pytest.fixture
def farm(scaled_farm: Connections) -> Connections:  # noqa: F811
    """The farm of the duty's tests."""
    return scaled_farm


def order(desired: int, *losing: str, scaling: Scaling = SCALING) -> Order:
    return Order("sana", scaling, desired, losing)


def test_replicas_follow_the_wanted_number_and_are_patched_only_when_they_differ(api: KubernetesApi) -> None:
    driver = Kubernetes()
    driver.scale(order(3))
    assert api.replicas[KEY] == 3
    api.asked.clear()
    driver.scale(order(3))
    assert api.asked == ["GET /apis/apps/v1/namespaces/farm/deployments/sana-workers/scale"]
    # What somebody else changed is put right at the next decision.
    api.replicas[KEY] = 7
    driver.scale(order(0))
    assert api.replicas[KEY] == 0


def test_a_stateful_set_has_a_scale_too(api: KubernetesApi) -> None:
    api.replicas["farm/statefulsets/sana-workers"] = 1
    kind = KubernetesScale(namespace="farm", kind="StatefulSet", name="sana-workers")
    Kubernetes().scale(order(2, scaling=SCALING.model_copy(update={"kubernetes": kind})))
    assert api.replicas == {KEY: 0, "farm/statefulsets/sana-workers": 2}


def test_the_pods_to_go_first_are_marked_once_before_the_number_falls(api: KubernetesApi) -> None:
    api.replicas[KEY] = 2
    api.pods = {"farm/one": {}, "farm/two": {}}
    driver = Kubernetes()
    driver.scale(order(1, "two", "a-machine-that-is-no-pod"))
    assert api.pods == {"farm/one": {}, "farm/two": {DELETION_COST: "-1000"}}
    assert [line.split()[0] for line in api.asked] == ["PATCH", "PATCH", "GET", "PATCH"]
    api.asked.clear()
    driver.scale(order(1, "two"))
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, r"does not allow it \(403\).*Deployment farm/sana-workers"),
        (404, r"has no Deployment farm/sana-workers \(404\)"),
        (500, "answered 500"),
    ],
)
def test_a_refusal_says_what_is_missing(api: KubernetesApi, status: int, said: str) -> None:
    api.refuse = status
    with pytest.raises(NotScaled, match=said):
        Kubernetes().scale(order(1))


def test_an_api_that_is_away_is_said_and_found_again(api: KubernetesApi, tmp_path: Path) -> None:
    driver = Kubernetes()
    config = tmp_path / "kubeconfig"
    good = config.read_text()
    config.write_text(good.replace(str(api.port), "9"))
    with pytest.raises(NotScaled, match="away"):
        driver.scale(order(2))
    config.write_text(good)
    driver.scale(order(2))
    assert api.replicas[KEY] == 2


def test_without_any_configuration_it_says_what_it_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    with pytest.raises(NotScaled, match="KUBECONFIG"):
        Kubernetes().scale(order(1))


def test_the_duty_scales_the_deployment_and_shows_what_went_wrong_once_in_the_log(
    farm: Connections, api: KubernetesApi
) -> None:
    farm.catalog.pools[CHEAP] = farm.catalog.pools[CHEAP].model_copy(update={"scaling": SCALING})
    work(farm, 5.0)
    decide(farm)
    assert api.replicas[KEY] == 1

    # The one pod has nothing left to do: it is marked, asked to end, and the number falls.
    worker = sign_on(farm, pool=CHEAP, status=WorkerStatus.IDLE)
    say(farm, worker, host="sana-workers-x7")
    extra = sign_on(farm, pool=CHEAP, status=WorkerStatus.IDLE)
    say(farm, extra, host="sana-workers-z9", started_at=farm.clock() + 1)
    api.pods = {"farm/sana-workers-x7": {}, "farm/sana-workers-z9": {}}
    decide(farm)
    assert asked(farm) == {extra}
    assert api.pods == {"farm/sana-workers-x7": {}, "farm/sana-workers-z9": {DELETION_COST: "-1000"}}

    api.refuse = 403
    with capture_logs() as logs:
        decide(farm)
        decide(farm)
    assert "not applied: Kubernetes does not allow it (403)" in pool(farm).decision
    assert [entry["event"] for entry in logs].count("pool not scaled") == 1
