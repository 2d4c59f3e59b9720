"""`farm horde`: the farm as a worker of an AI Horde."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from typing import Annotated

import typer
from pydantic import SecretStr

from farm.client.connection.address import is_loopback
from farm.clock import steady_clock
from farm.console.session import farm_at_hand, say
from farm.errors import WrongUsage
from farm.horde.bridge import Bridge
from farm.horde.connection import Horde
from farm.horde.offers import check_offers, most_pixels, read_offers
from farm.horde.protocol import Offering
from farm.horde.rendering import Terms
from farm.redaction import Redaction

KEY_VARIABLE = "FARM_HORDE_KEY"
PUBLIC_HORDE = "https://aihorde.net/api"
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_LOOK_SECONDS = 0.2
#: For which the Horde is tried again with a picture that is ready.
_RETRY_SECONDS = 60.0
_HAND_BACK_SECONDS = 10.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="horde")(horde)


def horde(
    offer: Annotated[
        list[str],
        typer.Option(metavar="MODEL=NAME", help="A model of the farm, and its name at the Horde; again for more."),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="The worker's name; at a Horde there is one of each.")],
    url: Annotated[str, typer.Option("--horde-url", help="The Horde's API.")] = PUBLIC_HORDE,
    threads: Annotated[int, typer.Option(min=1, max=50, help="How many jobs of the Horde are here at a time.")] = 1,
    amount: Annotated[int, typer.Option(min=1, max=20, help="Most pictures of one job, rendered as one batch.")] = 1,
    max_pixels: Annotated[
        int | None, typer.Option(min=64 * 64, help="Largest width x height; else what all offered models have.")
    ] = None,
    nsfw: Annotated[bool, typer.Option("--nsfw", help="Take requests for pictures not safe for work, too.")] = False,
    safety_checker: Annotated[
        bool, typer.Option("--safety-checker", help="The farm's workers have one: what it objects to is censored.")
    ] = False,
    blacklist: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="Take no prompt with this word; again for more.")
    ] = None,
    extra_slow: Annotated[bool, typer.Option("--extra-slow", help="Say that the worker is slow: more time.")] = False,
    class_name: Annotated[str, typer.Option("--class", help="The class of the farm's jobs.")] = "normal",
    keep: Annotated[bool, typer.Option("--keep", help="Leave jobs that were handed over in the farm's lists.")] = False,
    grace: Annotated[float, typer.Option(min=0, help="Seconds to finish what is held when stopped.")] = 60.0,
) -> None:
    """Render for an AI Horde: pop its jobs, render them here, hand the pictures back; until Ctrl-C or SIGTERM.

    FARM_HORDE_KEY is the key of your account there. When stopped it pops nothing more, finishes what it holds within
    --grace seconds, and hands the rest back as faulted; a second Ctrl-C does so at once.

    Exit codes: 0 stopped, 2 wrong usage or refused by the farm or the Horde, 3 the farm does not answer.
    """
    key = _key()
    if nsfw and safety_checker:
        raise WrongUsage("Give --nsfw or --safety-checker, not both: the Horde's NSFW requests skip who censors.")
    if not url.startswith("https://") and not is_loopback(url):
        raise WrongUsage(f"--horde-url must begin with https://, for the key's sake; seen {url}")
    redaction = Redaction([key.get_secret_value(), os.environ.get("FARM_KEY", "")])
    offers = read_offers(offer)
    agent = f"Latent Farm:{version('latent-farm')}:unknown"
    with farm_at_hand() as farm, closing(Horde(url, key, agent, retry_seconds=_RETRY_SECONDS)) as there:
        models = check_offers(farm, offers)
        offering = Offering(
            worker=name,
            agent=agent,
            max_pixels=max_pixels or most_pixels(models.values()),
            threads=threads,
            nsfw=nsfw,
            amount=amount,
            blacklist=tuple(blacklist or ()),
            extra_slow=extra_slow,
        )
        terms = Terms(class_name, pictures_checked=safety_checker, keep_jobs=keep)
        bridge = Bridge(farm, there, offering, offers, models, terms, lambda text: say(redaction.text(text)))
        shown = ", ".join(f"{model} as {known!r}" for known, model in offers.items())
        say(f"Offers {shown} to {url}, up to {offering.max_pixels:,} pixels. Stop it with Ctrl-C.")
        _serve(bridge, grace)


def _serve(bridge: Bridge, grace: float) -> None:
    """Until a signal comes, or the bridge ends by itself, whose error is raised."""
    with _signals_held():
        bridge.start()
        while not bridge.ended(_LOOK_SECONDS) and not _signalled():
            pass
        bridge.stop()
        if bridge.held:
            say(f"Finishing {bridge.held} jobs; Ctrl-C again hands them back as they are.", "yellow")
        until = steady_clock() + grace
        while not bridge.ended(_LOOK_SECONDS) and steady_clock() < until and not _signalled():
            pass
        bridge.give_up()
        bridge.ended(_HAND_BACK_SECONDS)
    say(f"Stopped: {bridge.tally}.")
    if bridge.error is not None:
        raise bridge.error


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals wait to be asked for, also in threads that are begun within."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signalled() -> bool:
    return signal.sigtimedwait(_SIGNALS, 0) is not None


def _key() -> SecretStr:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise WrongUsage(f"Set {KEY_VARIABLE} to the key of your account at the Horde.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise WrongUsage(f"{KEY_VARIABLE} has characters that no key has: copy it again.")
    return SecretStr(key)
