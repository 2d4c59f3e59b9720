"""What a forked process is called: `ps` would show the command line of the process that it was forked from."""

import ctypes
import sys

import setproctitle

_PR_SET_NAME = 15  # linux/prctl.h


def prepare_naming() -> None:
    """Find where the command line lies in memory. Later nobody can: it is known by the environment behind it, which a
    forked process changes (setproctitle 1.3.8 then names nothing, and says nothing).
    """
    setproctitle.getproctitle()


def name_process(name: str) -> None:
    """Be 'farm: NAME' in a list of processes, so that who means `farm up` meets it alone, and NAME in `top`."""
    setproctitle.setproctitle(f"farm: {name}")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
