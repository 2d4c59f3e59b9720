"""What a render shows of itself while it steps: seldom, small, and without a trace in the result."""

import io
import itertools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from farm.params import parse_parameters
from tests.workers import tiny_pipelines
from tests.workers.orders import KINDS, batch, order, pixels_of, render, run, tiny_family, watch_latents
from workers.denoising.track import Track
from workers.engine.previews import Previews
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import Previewed


@pytest.fixture
def family() -> Family:
    return tiny_family("sana")


@pytest.mark.parametrize("kind", KINDS)
def test_a_preview_is_a_small_picture_and_changes_no_bit(kind: str, tmp_path: Path) -> None:
    name, asked = KINDS[kind]
    shown, unseen = tiny_family(name), tiny_family(name)
    found = []
    for family, seconds in ((shown, 0.0), (unseen, None)):
        seen = watch_latents(family)
        clock = itertools.count(step=1000)
        engine = Engine(family, tmp_path, previews=Previews(family, seconds, lambda clock=clock: next(clock)))
        ordered = order(family, num_inference_steps=4, **asked)
        engine.admit(batch([ordered]))
        said = run(engine)
        found.append((said, seen["r1"]))
    assert torch.equal(found[0][1], found[1][1])
    assert not [message for message in found[1][0] if isinstance(message, Previewed)]
    previews = [message for message in found[0][0] if isinstance(message, Previewed)]
    assert previews
    assert previews[0].steps == (3 if "strength" in asked else 4 * parse_parameters(ordered.parameters).segments)
    picture = Image.open(io.BytesIO(previews[0].data))
    assert (picture.format, picture.size) == ("WEBP", (256, 256))
    assert getattr(picture, "n_frames", 1) == (2 if name in tiny_pipelines.CLIPS else 1)


def test_previews_are_shown_now_and_then_and_never_at_much_cost(family: Family, tmp_path: Path) -> None:
    now = [0.0]
    engine = Engine(family, tmp_path, previews=Previews(family, 2.0, lambda: now[0]))
    preview = family.preview

    def slow(track: Any) -> Any:
        now[0] += 0.1
        return preview(track)

    family.preview = slow  # type: ignore[method-assign]
    engine.admit(batch([order(family, "a", num_inference_steps=120), order(family, "b", num_inference_steps=120)]))
    at = []
    while not engine.idle:
        now[0] += 0.25
        at += [(now[0], message.render_id) for message in engine.step() if isinstance(message, Previewed)]
    # A tenth of a second each: of two renders none is shown more than once in ten seconds, after the first time.
    for each in "ab":
        times = [when for when, render_id in at if render_id == each]
        assert len(times) >= 2
        assert all(later - earlier >= 10 for earlier, later in itertools.pairwise(times))


def test_a_family_that_cannot_show_renders_all_the_same(family: Family, tmp_path: Path) -> None:
    def broken(track: Any) -> Any:
        raise RuntimeError("no colours")

    family.preview = broken  # type: ignore[method-assign]
    engine = Engine(family, tmp_path, previews=Previews(family, 0.0))
    engine.admit(batch([order(family)]))
    assert pixels_of(run(engine)).keys() == {"r1"}


def test_colours_are_learnt_from_what_the_vae_makes(family: Family) -> None:
    """Where a picture is a linear map of its latents, the preview is that picture."""
    generator = torch.Generator().manual_seed(1)
    mixture = torch.rand(4, 3, generator=generator) * 40
    latents = torch.rand(1, 4, 8, 8, generator=generator)
    small = (latents[0].permute(1, 2, 0) @ mixture).round().byte().numpy()
    family.colours.learn(latents, small.repeat(4, 0).repeat(4, 1))
    shown = family.colours.show(latents)
    assert abs(shown.astype(int) - small.astype(int)).max() <= 2


def test_the_first_preview_waits_while_somebody_else_is_being_decoded(tmp_path: Path) -> None:
    """Wan's autoencoder keeps what it decodes in itself: a preview that asked it meanwhile would be mixed into that."""
    family = tiny_family("wan")
    orders = [order(family, "short", num_inference_steps=1), order(family, "long", num_inference_steps=12)]
    expected = pixels_of(render(tiny_family("wan"), tmp_path, orders))
    decode, beside = family.decode, list[str]()
    decoding, go_on, through = (threading.Event() for _ in range(3))

    def slow(tracks: Sequence[Track]) -> Any:
        if threading.current_thread() is threading.main_thread():
            beside.append(tracks[0].order.render_id)
            return decode(tracks)
        decoding.set()
        go_on.wait(240)
        made = decode(tracks)
        through.set()
        return made

    family.decode = slow  # type: ignore[method-assign]
    now = [0.0]
    engine = Engine(family, tmp_path, previews=Previews(family, 1.0, lambda: now[0]), decode_beside=True)
    engine.admit(batch(orders))
    said = run(engine, steps=4)  # two beginnings, a pass of both, and one beside the decoding
    assert decoding.wait(240)
    now[0] = 10.0
    said += run(engine, steps=3)
    assert not beside
    go_on.set()
    assert through.wait(240)
    while not engine.idle:
        now[0] += 10.0
        said += engine.step()
    assert [message for message in said if isinstance(message, Previewed)]
    assert all((pixels_of(said)[name] == expected[name]).all() for name in expected)


def test_a_render_that_cannot_be_shown_keeps_nobody_else_from_being_shown(tmp_path: Path) -> None:
    family = tiny_family("sana")
    preview = family.preview

    def fails(track: Track) -> Any:
        if track.order.render_id == "dark":
            raise ValueError("the latents are not numbers")
        return preview(track)

    family.preview = fails  # type: ignore[method-assign]
    engine = Engine(family, tmp_path, previews=Previews(family, 0.0))
    engine.admit(batch([order(family, "dark"), order(family, "bright")]))
    shown = {message.render_id for message in run(engine) if isinstance(message, Previewed)}
    assert shown == {"bright"}
