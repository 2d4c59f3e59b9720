"""kubectl as far as docs/kubernetes.md has it typed, for the cluster of cluster.py: `CLUSTER` names its folder.

What is applied is rendered by the real kubectl (`KUBECTL`). Whatever else is asked for is refused.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.end_to_end.cluster import APPLIED, PODS, SECRETS, STATUS, pod_name
from tests.waiting import eventually

KINDS = {"deploy": "Deployment", "deployment": "Deployment", "job": "Job", "statefulset": "StatefulSet"}
#: Seconds: as the page has it.
PATIENCE = 15 * 60


def main(words: Sequence[str]) -> int:
    """Do what the words say; the code to end with."""
    folder = Path(os.environ["CLUSTER"])
    match list(words[2:] if words[:2] == ["-n", "latent-farm"] else words):
        case ["create", "namespace", "latent-farm"]:
            return 0
        case ["create", "secret", "generic", name, source]:
            _put(folder / SECRETS / name, json.dumps(keys_of(source)))
            return 0
        case ["apply", "-k", overlay]:
            command = [os.environ["KUBECTL"], "kustomize", overlay]
            _put(folder / APPLIED, subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            return 0
        case ["wait", "--for=condition=complete", _, what] | ["rollout", "status", _, what]:
            status = folder / STATUS
            eventually(lambda: status.exists() and json.loads(status.read_text()).get(owner(what)), timeout=PATIENCE)
            return 0
        case ["exec", what, "--", "farm", *arguments]:
            pod = folder / PODS / pod_name(owner(what), 0)
            variables = json.loads((pod / "variables.json").read_text())
            return subprocess.run([sys.executable, "-m", "farm", *arguments], cwd=pod, env=variables).returncode
        case others:
            print(f"the cluster of the tests does not know: kubectl {' '.join(others)}", file=sys.stderr)
            return 1


def owner(what: str) -> str:
    """'deploy/NAME' as the manifests have it: 'Deployment/NAME'."""
    kind, _, name = what.partition("/")
    return f"{KINDS[kind]}/{name}"


def keys_of(source: str) -> dict[str, str]:
    """The keys of a Secret, from a file of variables or from one value."""
    option, _, told = source.partition("=")
    if option == "--from-env-file":
        lines = Path(told).read_text().splitlines()
    else:
        assert option == "--from-literal", option
        lines = [told]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _put(file: Path, text: str) -> None:
    """Whole, or not at all: the cluster looks at any moment."""
    new = file.parent.parent / "new"
    new.write_text(text)
    new.replace(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
