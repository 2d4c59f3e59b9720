"""The engines' fork server: `python -m workers.engine.fork_server --socket PATH`.

One process of a machine imports torch, diffusers and all families once, and forks an engine whenever a worker asks
for one (`workers.engine_start` does). A forked engine begins in a fraction of the time and shares the memory of
what was imported with the others. The server has one thread, touches no device and loads no model: nothing of one
engine can reach another. Engines die with the server, and each with its worker.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from farm.catalog.loading import remember_shipped
from farm.forking.requests import ForkRequest
from farm.forking.server import Asked, Server, become, listen
from farm.garbage_collector import collector_paused
from farm.params.families import FAMILIES
from workers.engine import process
from workers.engine.fork_requests import differing_variables
from workers.parent_death import belong_to_parent


def preload() -> None:
    """Import what every engine imports."""
    process.set_up_environment()
    with collector_paused():
        from workers.engine import previews, step_loop, warm_up  # noqa: F401
        from workers.families.family_registry import find_family
        from workers.pipelines import load  # noqa: F401

        for family in FAMILIES:
            find_family(family)
        _import_what_loading_asks_for()
        _read_what_loading_asks_for()


def _import_what_loading_asks_for() -> None:
    """Diffusers imports some modules only as it loads a pipeline: each engine would, and share none of them.

    `from_pretrained` looks up every class that a folder might name, and a scheduler all that take its configuration.
    """
    import diffusers
    from diffusers.pipelines.pipeline_loading_utils import ALL_IMPORTABLE_CLASSES

    for name in ALL_IMPORTABLE_CLASSES:
        if "Onnx" not in name:  # onnxruntime starts a thread, and a server that forks has none but its own
            getattr(diffusers, name, None)
    diffusers.DPMSolverMultistepScheduler().compatibles  # noqa: B018 - the imports are what it is asked for


def _read_what_loading_asks_for() -> None:
    """The catalog, what is installed, and how checkpoints of former versions are read: each engine would, anew."""
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    from workers.model_files.installed_packages import read_installed

    remember_shipped()
    read_installed()
    get_checkpoint_conversion_mapping("gemma2")  # whichever is asked for, all are made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the farm ends. In a forked child: be the engine, and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.engine.fork_server", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="where workers ask; in a folder of ours alone")
    options = parser.parse_args(arguments)
    environment = dict(os.environ)  # with which the libraries are imported

    def check(request: ForkRequest) -> None:
        if differing := differing_variables(environment, request.environment):
            raise ValueError(f"it has other values of {', '.join(differing)}")

    listening = listen(options.socket)  # who asks while it imports waits
    preload()
    server = os.getpid()
    asked = Server(listening, check).serve()
    return _be_engine(asked, server)


def _be_engine(asked: Asked, server: int) -> int:
    belong_to_parent()
    become(asked, server)
    return process.main([*asked.request.options, "--fd", str(asked.descriptors[0])])


if __name__ == "__main__":
    raise SystemExit(main())
