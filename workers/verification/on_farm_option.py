"""What `farm verify RENDER --on-farm` prints, and its exit codes."""

from typing import TYPE_CHECKING

import typer

from farm.console.session import ExitCode, out, print_json, say
from farm.verification.verdict import Verdict

if TYPE_CHECKING:
    from farm.client import FarmClient, Verification


def verify_on_farm(farm: "FarmClient", render_id: str, *, as_json: bool) -> None:
    """Exit codes: 0 the same (or within tolerance), 1 other pixels, 2 it cannot be told."""
    begun = farm.verify(render_id)
    say(f"job {begun.job_id} renders it again; it waits and is charged as any other")
    farm.wait(begun.job_id)
    told = farm.verification(render_id)
    if as_json:
        print_json(told.model_dump(mode="json"))
    elif told.verdict is not None:
        out().print(_in_words(told))
        for difference in told.differences:
            out().print(f"not as it was: {difference}")
    if told.verdict is None:
        say(f"It cannot be told: {told.reason or f'the second render is {told.status}'}", "red")
        raise typer.Exit(ExitCode.REFUSED)
    if told.verdict == Verdict.OTHER.name.lower():
        raise typer.Exit(ExitCode.FAILED)


def _in_words(told: "Verification") -> str:
    verdict = f"on the farm: {Verdict[str(told.verdict).upper()]}"
    if told.psnr is None:
        return verdict
    return f"{verdict} (PSNR {told.psnr:.1f} dB, largest difference {told.largest} of 255)"
