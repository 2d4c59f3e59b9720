"""A process that serves the rings of the pool 'test' and says so: `python ring_worker.py REDIS_URL [CA_FILE]`.

A ring lasts until a line comes on stdin, and so does the remote control's command 'hold'. The log goes to stderr.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from celery.worker.control import inspect_command
from pydantic import SecretStr

from farm.logs import configure_logging
from farm.ring_consumer import serve_rings
from farm.settings import Settings


def say(word: str) -> None:
    print(word, flush=True)


def on_ring() -> None:
    say("ring")
    sys.stdin.readline()
    say("done")


@inspect_command()
def hold(state: object) -> str:
    say("held")
    sys.stdin.readline()
    return "let go"


if __name__ == "__main__":
    configure_logging(Settings(log_level="INFO"))
    ca_file = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    settings = SimpleNamespace(redis_url=SecretStr(sys.argv[1]), redis_ca_file=ca_file)
    say("starting")
    serve_rings(settings, pool="test", worker_name="test", on_ring=on_ring, on_drain=lambda: say("drain"))
    say("ended")
