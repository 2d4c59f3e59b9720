"""The command that computes FID and KID of what a page of scores shows, and keeps them where the page finds them."""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from dashboard.reads.gallery.listing import WHOLE_GALLERY, GalleryFilter

#: Filters whose option is called as they are.
_ALIKE = ("text", "width", "height", "sampler", "lora", "rating", "user", "board", "scorer", "least_score")
_REST = ("--reference", "PICTURES", "--features", "FILE", "--keep")


def fid_command(chosen: GalleryFilter) -> str | None:
    """A line for a shell; None: no command chooses so."""
    if chosen.job is not None:
        alone = chosen == GalleryFilter(job=chosen.job)
        return shlex.join(["farm", "fid", chosen.job, *_REST]) if alone else None
    if chosen.deleted:
        return None
    options = list(_options(chosen)) or ["--all"]
    return shlex.join(["farm", "fid", *options, *_REST])


def _options(chosen: GalleryFilter) -> Iterator[str]:
    for name in _ALIKE:
        if (value := getattr(chosen, name)) is not None:
            yield f"--{name.replace('_', '-')}={value}"
    for model in chosen.models:
        yield f"--model={model}"
    for tag in chosen.tags:
        yield f"--tag={tag}"
    if chosen.favourite:
        yield "--favourite"
    if chosen.finished_after is not None:
        yield f"--since={_moment(chosen.finished_after)}"
    if chosen.finished_before is not None:
        yield f"--before={_moment(chosen.finished_before)}"
    if chosen.verifications is not WHOLE_GALLERY.verifications:
        yield f"--verifications={chosen.verifications.value}"


def _moment(seconds: float) -> str:
    """As the command reads times: a day, or a second of it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").removesuffix("T00:00:00")
