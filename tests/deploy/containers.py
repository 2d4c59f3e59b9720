"""A container of a built image where no runtime may start one: buildah has the image, and unshare does the rest.

It has the image's root, which cannot be written, its own /tmp and volumes, the image's user with no right at all, the
image's init as process 1, and a network of its own.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.end_to_end.networks import Network

#: Of `sh`: the root, the folder of /var/lib/latent-farm, user and group, then the command.
_ENTER = """
set -e
root=$1 state=$2 user=$3 group=$4
shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o uid="$user,gid=$group" tmpfs "$root/models"
mount --bind "$state" "$root/var/lib/latent-farm"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs --bounding-set=-all \
    --inh-caps=-all "$@"
"""


@dataclass(frozen=True)
class Image:
    """One that was built, unpacked, with what its Dockerfile says of it."""

    root: Path
    entry_point: Sequence[str]
    user: int
    group: int
    variables: Mapping[str, str]


@contextmanager
def unpacked(name: str) -> Iterator[Image]:
    """The image `name` of buildah's storage; nothing of it stays but the image."""
    container = _buildah("from", "--pull-never", name)
    try:
        root = _buildah("mount", container)
        config = json.loads(_buildah("inspect", "--type", "container", container))["OCIv1"]["config"]
        user, _, group = config["User"].partition(":")
        variables = dict(line.split("=", 1) for line in config["Env"])
        yield Image(Path(root), config["Entrypoint"], int(user), int(group), variables)
    finally:
        _buildah("rm", container)


@dataclass
class Container:
    """One that was started. Its state lies in a folder of this machine."""

    process: "subprocess.Popen[bytes]"

    def stop(self, patience: float = 60.0) -> int:
        """SIGTERM to its first process, as a runtime does; the code with which it ended."""
        self._first().send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def kill(self) -> None:
        """Nothing of it runs any more: all processes of a container end with its first one."""
        if self.process.poll() is None:
            self._first().kill()
        self.process.wait()

    def _first(self) -> psutil.Process:
        [first] = psutil.Process(self.process.pid).children()
        return first


@contextmanager
def container(
    image: Image, command: Sequence[str], variables: Mapping[str, str], network: Network, state: Path, log: Path
) -> Iterator[Container]:
    """Run a command by the image's entry point; what it says goes to `log`. What still runs at the end is killed."""
    state.mkdir(exist_ok=True)
    for path in (state, *state.iterdir()):
        os.chown(path, image.user, image.group)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *network.command,
                *("unshare", "--mount", "--propagation", "private", "--pid", "--fork"),
                *("sh", "-c", _ENTER, "sh", str(image.root), str(state), str(image.user), str(image.group)),
                *image.entry_point,
                *command,
            ],
            env={**image.variables, **variables},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    started = Container(process)
    try:
        yield started
    finally:
        started.kill()


def _buildah(*arguments: str) -> str:
    return subprocess.run(["buildah", *arguments], check=True, capture_output=True, text=True).stdout.strip()
