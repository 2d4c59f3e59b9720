"""A stand-in for the Kubernetes API: the few addresses that the driver uses, over real HTTP.

What goes over the line are the types of Kubernetes' published OpenAPI document, from which lightkube's models are made.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from lightkube.models.autoscaling_v1 import Scale, ScaleSpec
from lightkube.models.core_v1 import Pod
from lightkube.models.meta_v1 import ObjectMeta, Status


@dataclass
class KubernetesApi:
    """What it has: replicas by 'namespace/kind/name', annotations by 'namespace/pod'; and what it was asked."""

    replicas: dict[str, int] = field(default_factory=dict)
    pods: dict[str, dict[str, str]] = field(default_factory=dict)
    refuse: int | None = None  # answer everything with this status
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and document."""
        self.asked.append(f"{method} {path}")
        if self.refuse is not None:
            return self.refuse, _status(self.refuse)
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "v1"] and parts[4] == "pods" and method == "PATCH":
            return self._mark(f"{parts[3]}/{parts[5]}", body)
        if parts[:3] == ["apis", "apps", "v1"] and parts[-1] == "scale":
            return self._scale(f"{parts[4]}/{parts[5]}/{parts[6]}", method, body)
        return 404, _status(404)

    def _mark(self, pod: str, body: Any) -> tuple[int, dict[str, Any]]:
        if pod not in self.pods:
            return 404, _status(404)
        self.pods[pod] |= _published(Pod, body)["metadata"]["annotations"]
        return 200, Pod(metadata=ObjectMeta(annotations=self.pods[pod])).to_dict()

    def _scale(self, key: str, method: str, body: Any) -> tuple[int, dict[str, Any]]:
        if key not in self.replicas:
            return 404, _status(404)
        if method == "PATCH":
            self.replicas[key] = _published(Scale, body)["spec"]["replicas"]
        spec = ScaleSpec(replicas=self.replicas[key] or None)  # as Go leaves out what is zero
        return 200, Scale(metadata=ObjectMeta(name=key), spec=spec).to_dict()


def _published(kind: type[Pod | Scale], body: dict[str, Any]) -> dict[str, Any]:
    """The body, all fields of which the published type has: a real API drops others without a word, or refuses them."""
    known = kind.from_dict(body).to_dict()
    assert {name: known.get(name) for name in body} == body, "a field that Kubernetes does not have"
    return body


def _status(code: int) -> dict[str, Any]:
    return Status(status="Failure", code=code, message="refused", reason="").to_dict()


@contextmanager
def kubernetes_api(folder: Path) -> Iterator[tuple[KubernetesApi, Path]]:
    """The API on a port of this machine, and a KUBECONFIG that leads to it."""
    api = KubernetesApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_PATCH(self) -> None:
            self._answer("PATCH")

        def _answer(self, method: str) -> None:
            if self.headers.get("Authorization") != "Bearer the-token":
                status, document = 401, _status(401)
            else:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                status, document = api.answer(method, self.path.partition("?")[0], body)
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        config = folder / "kubeconfig"
        config.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                    "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{api.port}"}}],
                    "users": [{"name": "test", "user": {"token": "the-token"}}],
                }
            )
        )
        yield api, config
        server.shutdown()
        thread.join()
