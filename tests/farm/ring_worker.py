"""A process that serves the rings of the pool 'test': `python ring_worker.py REDIS_URL`. It says what happens.

A ring lasts until a line comes on stdin.
"""

import sys
from types import SimpleNamespace

from pydantic import SecretStr

from farm.broker import serve_rings


def say(word: str) -> None:
    print(word, flush=True)


def on_ring() -> None:
    say("ring")
    sys.stdin.readline()
    say("done")


if __name__ == "__main__":
    settings = SimpleNamespace(redis_url=SecretStr(sys.argv[1]))
    say("starting")
    serve_rings(settings, pool="test", worker_name="test", on_ring=on_ring, on_drain=lambda: say("drain"))
    say("ended")
