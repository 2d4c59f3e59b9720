"""How a process of the engine is tied to the worker that started it."""

import signal

from farm.forking.parent_death import die_with_parent


def belong_to_parent() -> None:
    """Ignore signals meant for the parent (Ctrl-C reaches both), and die with it even in a long pass."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent()
