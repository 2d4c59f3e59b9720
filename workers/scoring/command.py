"""`farm scorer`: the process that scores outputs."""

import os
import signal
import threading
from types import FrameType
from typing import Annotated

import structlog
import typer

from farm.connections import Connections
from farm.console.output import out
from farm.errors import Fault, InvalidRequest
from farm.logs import configure_logging, identify
from farm.scorers import BUILT_IN
from farm.settings import load_settings

log = structlog.get_logger(__name__)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("scorer")(scorer)


def scorer(
    pull: Annotated[
        list[str] | None,
        typer.Option("--pull", metavar="SCORER", help="Fetch the weights that FARM_SCORER_WEIGHTS names, and end."),
    ] = None,
) -> None:
    """Score outputs, as `farm score`, pages and best-of-n ask for it, until told to stop.

    Run as many as you like, where the weights are. Without weights it needs little, and no GPU.
    """
    if pull:
        _pull(pull)
        return
    from workers.scoring.scoring import Scoring

    with Connections.open() as connections:
        configure_logging(connections.settings)
        identify(role="scorer")
        stop = _stop_by_signal()
        log.info("scorer started")
        Scoring(connections, on_stuck=_give_up).run(stop)
        log.info("scorer stopped")


def _pull(names: list[str]) -> None:
    """Fetch weights and print where they are. Raises InvalidRequest when they cannot be had."""
    from workers.scoring.weights import NoWeights, sha256_of, weights_folder

    weights, faults = load_settings().scorer_weights, []
    for name in names:
        if not (name in BUILT_IN and BUILT_IN[name].weights):
            needing = ", ".join(known for known, facts in BUILT_IN.items() if facts.weights)
            faults.append(Fault("/pull", f"{name!r} needs no weights; these do: {needing}"))
            continue
        try:
            folder = weights_folder(name, weights, fetch=True)
            out().print(f"{name}: {folder}, weights {sha256_of(folder)[:16]}", soft_wrap=True)
        except NoWeights as error:
            faults.append(Fault("/pull", str(error)))
    if faults:
        raise InvalidRequest(faults)


def _give_up() -> None:
    """End at once: a scorer that does not come back cannot be stopped otherwise. Whoever keeps us starts us again."""
    os._exit(1)


def _stop_by_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set; what is being scored ends first."""
    stop = threading.Event()

    def ask(signum: int, _: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop
