"""A pod without a cluster: what a manifest of Kubernetes starts, as a process of this machine at an address of its own.

Variables come from ConfigMaps, Secrets and labels, files and folders stand for volumes, and probes are asked. Images,
users, rights and networks are not tried here.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.deploy.manifests import Document, Pod, data_of

#: Before what ended is started again.
AGAIN_SECONDS = 1.0
#: Kubernetes' own, where a manifest names none.
GRACE_SECONDS = 30


@dataclass
class RunningPod:
    """One pod: what it runs with, and its process. A Job's ends, all others are started again."""

    pod: Pod
    folder: Path
    address: str
    variables: Mapping[str, str]
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _ended: float = 0.0

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    @property
    def well(self) -> bool:
        """Whether a Job's is complete, or another one ready: by its probe, or as long as it runs where it has none."""
        ended = None if self.process is None else self.process.poll()
        if self._is_job:
            return ended == 0
        if self.process is None or ended is not None:
            return False
        probe = self.pod.container.get("readinessProbe")
        return probe is None or self._answers(probe["httpGet"], probe["timeoutSeconds"])

    def keep(self) -> None:
        """Start it, or start it again some time after it has ended."""
        if self.process is not None:
            if self.process.poll() is None or (self._is_job and self.well):
                return
            self._ended = self._ended or time.monotonic()
            if time.monotonic() - self._ended < AGAIN_SECONDS:
                return
        # `farm` is the entry point of the images.
        words = [re.sub(r"\$\((\w+)\)", self._variable, word) for word in self.pod.container["args"]]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "farm", *words],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._ended = 0.0

    def terminate(self) -> None:
        """Tell it to end, as a kubelet does."""
        if self.process is not None:
            self.process.terminate()

    def end(self) -> int | None:
        """How it ended, after SIGKILL if its grace period is over; None if it never began."""
        if self.process is None:
            return None
        try:
            return self.process.wait(self.pod.spec.get("terminationGracePeriodSeconds", GRACE_SECONDS))
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    @property
    def _is_job(self) -> bool:
        return self.pod.owner.startswith("Job/")

    def _variable(self, found: "re.Match[str]") -> str:
        return self.variables[found[1]]

    def _answers(self, probe: dict[str, Any], seconds: float) -> bool:
        [port] = [one["containerPort"] for one in self.pod.container["ports"] if one["name"] == probe["port"]]
        with suppress(httpx.TransportError), httpx.Client(trust_env=False, timeout=seconds) as client:
            return client.get(f"http://{self.address}:{port}{probe['path']}").status_code == httpx.codes.OK
        return False


def make_pod(
    pod: Pod, folder: Path, address: str, documents: list[Document], secrets: Mapping[str, Mapping[str, str]]
) -> RunningPod:
    """A pod that may run, with all that is its own in a new folder; `variables.json` there is for `kubectl exec`."""
    folder.mkdir()
    mounts = _mounted(pod, folder, documents)

    def here(value: str) -> str:
        """A value of the manifests on this machine: the pod's address, and paths to where volumes are mounted."""
        if value == "0.0.0.0":
            return address
        for path, there in mounts.items():
            if value == path or value.startswith(f"{path}/"):
                return f"{there}{value.removeprefix(path)}"
        return value

    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(mounts["/tmp"])}
    for source in pod.container["envFrom"]:
        if "configMapRef" in source:
            settings = data_of(documents, "ConfigMap", source["configMapRef"]["name"])
            variables |= {name: here(value) for name, value in settings.items()}
        else:
            variables |= secrets[source["secretRef"]["name"]]
    for one in pod.container.get("env", []):
        variables[one["name"]] = here(one["value"]) if "value" in one else _label(pod, one["valueFrom"]["fieldRef"])
    (folder / "variables.json").write_text(json.dumps(variables))
    return RunningPod(pod, folder, address, variables)


def _mounted(pod: Pod, folder: Path, documents: list[Document]) -> dict[str, Path]:
    """Where each volume lies, by the path at which it is mounted; that of a ConfigMap has its files in it."""
    volumes: dict[str, Document] = {one["name"]: one for one in pod.spec["volumes"]}
    found = {}
    for mount in pod.container["volumeMounts"]:
        there = found[mount["mountPath"]] = folder / mount["name"]
        there.mkdir()
        if "configMap" in volumes[mount["name"]]:
            for name, text in data_of(documents, "ConfigMap", volumes[mount["name"]]["configMap"]["name"]).items():
                (there / name).write_text(text)
    return found


def _label(pod: Pod, reference: dict[str, str]) -> str:
    """The label that `metadata.labels['NAME']` names."""
    [name] = re.findall(r"metadata\.labels\['(.+)'\]", reference["fieldPath"])
    return pod.labels[name]
