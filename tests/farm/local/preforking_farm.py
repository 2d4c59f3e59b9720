"""Processes with a fork server that is a fork of this process: `python preforking_farm.py FOLDER`.

It prints one line of JSON for each state of its children, and runs until a signal comes.
"""

import json
import os
import sys
import time
from pathlib import Path

from farm.forking.client import ForkServer
from farm.forking.server import listen
from farm.local import fork_server
from farm.local.prefork import has_one_thread, prefork
from farm.local.processes import Processes
from farm.local.program import Program, Tier


def main(folder: Path) -> None:
    """Say the pids whenever they change."""
    path = folder / "fork.sock"
    assert has_one_thread()
    started = prefork("server", folder / "server.log", lambda: fork_server.serve(listen(path)))
    processes = Processes(folder, lambda line: None)
    assert not has_one_thread()
    command = (sys.executable, "-m", "farm.local.fork_server", "--socket", str(path))
    server = Program(
        "server", command, dict(os.environ), folder, ready=path.exists, tier=Tier.FORK_SERVER, leftovers=(path,)
    )
    processes.start(server, started=started)
    processes.wait_ready(["server"])
    processes.fork_server = ForkServer(path)
    environment = {"PATH": os.defpath, "SAID": "in its own words"}
    forked = (sys.executable, "-m", "module_forked", "an argument")
    ready = (folder / "ready").exists
    processes.start(Program("forked", forked, environment, folder, ready=ready, tier=Tier.FARM, forked=True))
    processes.wait_ready(["forked"])
    said = None
    while True:
        pids = {name: processes.pid(name) for name in processes.names()}
        if pids != said:
            print(json.dumps(pids), flush=True)
            said = pids
        time.sleep(0.05)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    finally:
        print(f"{os.getpid()} ends", flush=True)  # only who began may come by here with its output
