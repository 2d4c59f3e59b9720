"""Workers as pods: patches the replicas of a Deployment or StatefulSet, and says which pods are to go first.

It needs the extra `kubernetes` and these rights in the pool's namespace: get and patch `deployments/scale` (or
`statefulsets/scale`), patch `pods`. In a cluster it takes the service account of its pod, elsewhere KUBECONFIG.
"""

from typing import Any

from farm.catalog import KubernetesScale
from scheduler.autoscale.driver_interface import NotScaled, Order

#: Upon a smaller number the controller of a Deployment removes first those where this is lowest; 0 is usual.
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
#: Who is asked to end goes before those that nobody has marked.
FIRST_TO_GO = "-1000"
#: The supervisor has other duties: an API that hangs is not waited for longer.
TIMEOUT_SECONDS = 5.0


class Kubernetes:
    """The driver `kubernetes`. A worker's host is the name of its pod."""

    asks_workers = True

    def __init__(self) -> None:
        self._client: Any = None
        self._marked: set[tuple[str, str]] = set()

    def scale(self, order: Order) -> None:
        """Mark the pods that are to go, then set the replicas if they differ. Raises NotScaled."""
        target = order.scaling.kubernetes
        if target is None:
            raise NotScaled("the catalog does not say which Deployment runs this pool")
        client = self._connect()
        # Only after the connection, for it says what is missing when the extra is not installed.
        from httpx2 import HTTPError, HTTPStatusError

        try:
            for host in order.losing:
                self._mark(client, target.namespace, host)
            self._set_replicas(client, target, order.desired)
        except HTTPStatusError as error:
            raise NotScaled(_refusal(error.response.status_code, target)) from error
        except (HTTPError, OSError) as error:
            self._client = None  # a rotated certificate, another address: read the configuration again
            raise NotScaled(f"the Kubernetes API is away ({type(error).__name__})") from error

    def _connect(self) -> Any:
        if self._client is not None:
            return self._client
        try:
            from httpx2 import Timeout
            from lightkube import Client, KubeConfig
            from lightkube.core.exceptions import ConfigError
        except ImportError as error:
            raise NotScaled("install latent-farm[kubernetes] where the scheduler runs") from error
        try:
            self._client = Client(KubeConfig.from_env().get(), timeout=Timeout(TIMEOUT_SECONDS))
        except (ConfigError, OSError, KeyError) as error:
            raise NotScaled("no Kubernetes API: neither a service account nor KUBECONFIG") from error
        return self._client

    def _mark(self, client: Any, namespace: str, pod: str) -> None:
        """Once for each pod. One that is gone, or a worker that is no pod, needs no mark."""
        if (namespace, pod) in self._marked:
            return
        from httpx2 import HTTPStatusError
        from lightkube.resources.core_v1 import Pod

        mark = {"metadata": {"annotations": {DELETION_COST: FIRST_TO_GO}}}
        try:
            client.patch(Pod, pod, mark, namespace=namespace)
        except HTTPStatusError as error:
            if error.response.status_code != 404:
                raise
        self._marked.add((namespace, pod))

    def _set_replicas(self, client: Any, target: KubernetesScale, desired: int) -> None:
        from lightkube.resources.apps_v1 import DeploymentScale, StatefulSetScale

        resource = DeploymentScale if target.kind == "Deployment" else StatefulSetScale
        scale = client.get(resource, target.name, namespace=target.namespace)
        if scale.spec is None or (scale.spec.replicas or 0) != desired:
            client.patch(resource, target.name, {"spec": {"replicas": desired}}, namespace=target.namespace)


def _refusal(status: int, target: KubernetesScale) -> str:
    what = f"{target.kind} {target.namespace}/{target.name}"
    if status in (401, 403):
        return f"Kubernetes does not allow it ({status}): needs get and patch of the scale of {what}, patch of pods"
    if status == 404:
        return f"Kubernetes has no {what} (404)"
    return f"Kubernetes answered {status} for {what}"
