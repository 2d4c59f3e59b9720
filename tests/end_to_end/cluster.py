"""A cluster of one machine, which keeps the pods of applied manifests running (pods.py).

The stand-in for kubectl (kubectl.py) says in the cluster's folder what is to run, and reads there what does.
"""

import json
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.deploy.manifests import Document, pods, read
from tests.end_to_end.pods import RunningPod, make_pod

APPLIED, STATUS, SECRETS, PODS = "applied.yaml", "status.json", "secrets", "pods"
#: What every pod's variables are in.
NEEDED = "latent-farm-secrets"
LOOK_SECONDS = 0.2


class Cluster:
    """Runs what was applied until it is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pods: list[RunningPod] = []
        for made in (folder, folder / SECRETS, folder / PODS):
            made.mkdir()
        # Addresses of this machine alone, and others for each process of the tests.
        self._network = f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 256}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> dict[str, int | None]:
        """Tell all pods to end, and wait for it; how each ended."""
        self._over.set()
        self._thread.join()
        for pod in self.pods:
            pod.terminate()
        return {pod.name: pod.end() for pod in self.pods}

    def address(self, number: int) -> str:
        """That of a pod: those of the dashboard come first."""
        return f"{self._network}.{number + 2}"

    def of(self, component: str) -> list[RunningPod]:
        """The pods of a component."""
        return [one for one in self.pods if one.pod.labels["app.kubernetes.io/component"] == component]

    def documents(self) -> list[Document]:
        """What was applied."""
        return read((self.folder / APPLIED).read_text())

    def secrets(self) -> dict[str, dict[str, str]]:
        """The Secrets that somebody has made."""
        return {file.name: json.loads(file.read_text()) for file in (self.folder / SECRETS).iterdir()}

    def logs(self) -> str:
        """What all pods have said."""
        return "\n".join(f"== {one.name}\n{one.log.read_text()}" for one in self.pods if one.log.exists())

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if not self.pods and (self.folder / APPLIED).exists() and NEEDED in self.secrets():
                self.pods = self._made(self.documents())
            for pod in self.pods:
                pod.keep()
            self._say()

    def _made(self, documents: list[Document]) -> list[RunningPod]:
        specs = {f"{one['kind']}/{one['metadata']['name']}": one.get("spec", {}) for one in documents}
        wanted = [(pod, place) for pod in pods(documents) for place in range(specs[pod.owner].get("replicas", 1))]
        wanted.sort(key=lambda one: "dashboard" not in one[0].owner)
        secrets = self.secrets()
        return [
            make_pod(pod, self.folder / PODS / pod_name(pod.owner, place), self.address(number), documents, secrets)
            for number, (pod, place) in enumerate(wanted)
        ]

    def _say(self) -> None:
        """By kind and name, whether the Job is complete, or all pods are ready."""
        found: dict[str, bool] = {}
        for one in self.pods:
            found[one.pod.owner] = one.well and found.get(one.pod.owner, True)
        new = self.folder / f"{STATUS}.new"
        new.write_text(json.dumps(found))
        new.replace(self.folder / STATUS)


def pod_name(owner: str, place: int) -> str:
    """The name of a pod, by the kind and name of what it comes from: 'Deployment-latent-farm-dashboard-0'."""
    return f"{owner.replace('/', '-')}-{place}"
