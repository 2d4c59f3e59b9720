"""The data folder of a farm on one machine: who holds it, and where things lie in it."""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

import psutil

from farm.errors import InUse

#: After a `kill -9` of the farm its servers need a moment to end, and hold the folder until then.
LOCK_WAIT_SECONDS = 30.0
#: What fits into sockaddr_un.sun_path, less the closing zero (linux/un.h; macOS has 104).
LONGEST_SOCKET_PATH = 103
LONGEST_SOCKET_NAME = len("/valkey.sock")


class DataFolder:
    """A folder that one farm holds.

    Its lock lives in a file descriptor, which children inherit: the folder is free when the last of them has ended.
    `logs` is for logs, `runtime` for sockets, `scratch` for temporary files; the last two are emptied at a start.
    """

    def __init__(self, path: Path) -> None:
        """Make the folder, if need be, and take it. Raises InUse when another farm has it."""
        self.path = path
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
        self.lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take()
        except BaseException:
            os.close(self.lock)
            raise
        self.logs = path / "logs"
        self.logs.mkdir(exist_ok=True, mode=0o700)
        self.runtime = self._make_runtime()
        self.scratch = path / "tmp"
        shutil.rmtree(self.scratch, ignore_errors=True)  # what killed processes left there
        self.scratch.mkdir(mode=0o700)

    def release(self) -> None:
        """Remove what is of no use any more, and give the folder back."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self.runtime.parent != self.path:
            shutil.rmtree(self.runtime, ignore_errors=True)
            self._elsewhere.unlink(missing_ok=True)
        os.close(self.lock)

    @property
    def _elsewhere(self) -> Path:
        """Names the runtime folder, when that lies outside."""
        return self.path / "runtime-folder"

    def _take(self) -> None:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = self._holder()
                if holder is not None or time.monotonic() > deadline:
                    who = f"the farm with process id {holder}" if holder else "a farm that is being stopped"
                    raise InUse(
                        f"The data folder {self.path} is in use by {who}. Stop it first, "
                        "or name another folder with --data (FARM_DATA_DIR)."
                    ) from None
                time.sleep(0.1)
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{os.getpid()} {_born(os.getpid())}\n".encode(), 0)

    def _holder(self) -> int | None:
        """The process that wrote its id into the lock, if it still lives; children may outlive it by a moment."""
        words = os.pread(self.lock, 100, 0).decode().split()
        if len(words) != 2:
            return None
        pid = int(words[0])
        return pid if _born(pid) == words[1] else None

    def _make_runtime(self) -> Path:
        """Where sockets are. A socket's path has little room: in a deep data folder they go to a folder elsewhere."""
        if self._elsewhere.exists():  # of a farm that was killed
            left = Path(self._elsewhere.read_text())
            if left.name.startswith("farm-") and left.exists() and left.stat().st_uid == os.geteuid():
                shutil.rmtree(left, ignore_errors=True)
            self._elsewhere.unlink()
        inside = self.path / "run"
        if len(os.fsencode(inside)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
            inside.mkdir(exist_ok=True, mode=0o700)
            return inside
        outside = Path(tempfile.mkdtemp(prefix="farm-"))
        self._elsewhere.write_text(str(outside))
        return outside


def _born(pid: int) -> str | None:
    """When a living process began, so that a pid that was given to another is not mistaken; a zombie does not live."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None
