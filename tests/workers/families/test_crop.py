"""The crop from the bin to the asked size: diffusers' own wherever it gives that size, the farm's where it fails."""

import torch
from diffusers.image_processor import PixArtImageProcessor
from hypothesis import example, given, settings
from hypothesis import strategies as st

from farm.params.sizes import Shape, bin_table, cropped_by, library_crop, scaled_size
from workers.families.crop import crop

BINS = st.sampled_from([512, 1024, 2048, 4096])
SIDES = st.integers(16, 4096)


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
