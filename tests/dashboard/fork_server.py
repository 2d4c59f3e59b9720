"""The tests' fork server for dashboards: `python -m tests.dashboard.fork_server --socket PATH`.

It has imported once what `python -m dashboard` imports, in that order, and forks a server for each test that needs one:
to import it anew each time takes most of what such a test costs. It ends with the test process that started it.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import os  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

#: prometheus_client looks for it when it is imported; each forked server has a folder of its own.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
os.environ[SHARED] = os.devnull

from dashboard import server  # noqa: E402
from dashboard.api.blueprint import make_blueprint  # noqa: E402
from farm.forking.parent_death import die_with_parent  # noqa: E402
from farm.forking.server import Server, become, listen  # noqa: E402


def main() -> None:
    """Serve until the test process ends. In a forked child: be the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=Path, required=True)
    die_with_parent()
    listening = listen(parser.parse_args().socket)
    make_blueprint()
    parent = os.getpid()
    asked = Server(listening).serve()
    become(asked, parent)
    os.environ[SHARED] = tempfile.mkdtemp(prefix="farm-requests-")
    server.main(asked.request.options)


if __name__ == "__main__":
    main()
