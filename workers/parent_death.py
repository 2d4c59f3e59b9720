"""How a process of the engine is tied to the worker that started it."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def belong_to_parent() -> None:
    """Ignore signals meant for the parent (Ctrl-C reaches both), and die with it even in a long pass."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
