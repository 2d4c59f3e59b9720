"""`python -m dashboard`: the server. `farm dashboard` becomes this process."""

from gevent import monkey

# Before anything else is imported: what has already taken hold of ssl or threading could not wait together any more.
monkey.patch_all()

import os  # noqa: E402
import tempfile  # noqa: E402

# Where the server's processes add up how long requests took: prometheus_client looks for it when it is imported.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="farm-requests-")

from dashboard.server import main  # noqa: E402

if __name__ == "__main__":
    main()
