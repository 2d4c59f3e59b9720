"""Being `python -m MODULE` in a process that was forked and not started."""

import os
import runpy
import sys
import tempfile
from collections.abc import Mapping, Sequence


def take_environment(environment: Mapping[str, str]) -> None:
    """Have this environment, and nothing of the one before."""
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # as it was found at an import


def run_module(words: Sequence[str]) -> None:
    """Run what `python -m MODULE ARGUMENT…` would; most modules end it with SystemExit."""
    module, *arguments = words
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
