"""The crop from the bin to the asked size: diffusers' own wherever it gives that size, the farm's where it fails."""

import numpy as np
import pytest
import torch
from diffusers.image_processor import PixArtImageProcessor
from hypothesis import example, given, settings
from hypothesis import strategies as st

from farm.params.sizes import Shape, bin_table, cropped_by, library_crop, scaled_size
from workers.families.crop import crop

BINS = st.sampled_from([512, 1024, 2048, 4096])
SIDES = st.integers(16, 4096)
#: Of docs/models.md: table, and per cent of the sizes from 256 to 2048 pixels a side.
DOCUMENTED = [(1024, 2.36), (2048, 2.23), (4096, 2.23)]


def bin_of(bins: int, width: int, height: int) -> Shape:
    table = bin_table(bins)
    return table[min(table, key=lambda ratio: abs(ratio - height / width))]


@settings(max_examples=60, deadline=None)
@given(bins=BINS, width=SIDES, height=SIDES)
@example(bins=1024, width=640, height=480)
@example(bins=1024, width=960, height=480)
@example(bins=512, width=480, height=928)
def test_any_size_comes_out_and_what_the_library_would_make_of_it_is_known(bins: int, width: int, height: int) -> None:
    rendered = bin_of(bins, width, height)
    image = torch.empty(1, 3, rendered.height, rendered.width, device="meta")  # shapes only, no pixels
    theirs = PixArtImageProcessor.resize_and_crop_tensor(image, width, height)
    assert library_crop(rendered, width, height) == (theirs.shape[3], theirs.shape[2])
    assert tuple(crop(image, width, height).shape) == (1, 3, height, width)
    # The farm steps in where it must and nowhere else, and then by a pixel a side at most.
    assert (cropped_by(rendered, width, height) == "farm") == (tuple(theirs.shape) != (1, 3, height, width))
    ratio = max(height / rendered.height, width / rendered.width)
    for scaled, side in zip(scaled_size(rendered, width, height), (rendered.width, rendered.height), strict=True):
        assert int(side * ratio) <= scaled <= int(side * ratio) + 1


@settings(max_examples=60, deadline=None)
@given(high=st.integers(4, 60), wide=st.integers(4, 60), width=st.integers(1, 90), height=st.integers(1, 90))
def test_where_the_library_gives_the_size_its_bits_are_taken(high: int, wide: int, width: int, height: int) -> None:
    image = torch.rand(2, 3, high, wide, generator=torch.Generator().manual_seed(5))
    theirs = PixArtImageProcessor.resize_and_crop_tensor(image, width, height)
    ours = crop(image, width, height)
    if theirs.shape == (2, 3, height, width):
        assert torch.equal(ours, theirs)
    else:
        assert cropped_by(Shape(wide, high), width, height) == "farm"
        assert ours.shape == (2, 3, height, width)


def test_what_the_farm_crops_is_the_same_picture_as_one_pixel_more_or_less_of_it() -> None:
    """640x480 of a 1152x832 ramp: no shift, no border, no repeated row."""
    rows, columns = torch.linspace(0, 1, 832).view(1, 1, -1, 1), torch.linspace(0, 1, 1152).view(1, 1, 1, -1)
    ramp = torch.cat([rows.expand(1, 1, 832, 1152), columns.expand(1, 1, 832, 1152)], dim=1)
    ours = crop(ramp, 640, 480)
    wider = crop(ramp, 642, 482)[:, :, 1:-1, 1:-1]
    assert cropped_by(Shape(1152, 832), 642, 482) == "diffusers"
    assert (ours - wider).abs().max() < 2 / 480
    assert (ours[0, 0].diff(dim=0) > 0).all()
    assert (ours[0, 1].diff(dim=1) > 0).all()


@pytest.mark.parametrize(
    ("bins", "share"), [(512, 2.36), *(pytest.param(*each, marks=pytest.mark.long) for each in DOCUMENTED)]
)
def test_so_many_of_all_sizes_are_lost_in_the_librarys_crop_as_the_docs_say(bins: int, share: float) -> None:
    table = bin_table(bins)
    ratios = np.array(list(table))
    wide, high = (np.array([getattr(shape, side) for shape in table.values()]) for side in ("width", "height"))
    heights, lost = np.arange(256, 2049), 0
    for width in range(256, 2049):  # the same arithmetic as that of one size, for all heights at once
        place = np.abs(ratios[:, None] - heights / width).argmin(axis=0)
        ratio = np.maximum(heights / high[place], width / wide[place])
        short = ((wide[place] * ratio).astype(int) < width) | ((high[place] * ratio).astype(int) < heights)
        lost += int(short.sum())
        for height in heights[::400].tolist():
            cropped = library_crop(bin_of(bins, width, height), width, height)
            assert (cropped != (width, height)) == short[height - 256]
    assert 100 * lost / len(heights) ** 2 == pytest.approx(share, abs=0.005)
