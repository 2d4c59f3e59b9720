"""What people send as a picture: what is stored of it, and what is refused."""

import io
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image, ImageCms

from farm.errors import InvalidRequest, TooLarge
from farm.pictures import CleanPicture, clean_picture


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def clean(data: bytes, *, most_bytes: int = 1_000_000, most_pixels: int = 1_000_000) -> CleanPicture:
    return clean_picture(data, most_bytes=most_bytes, most_pixels=most_pixels)


def opened(picture: CleanPicture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_a_picture_is_stored_as_rgb_in_its_size(kind: str) -> None:
    found = clean(saved(Image.new("RGB", (40, 30), (255, 0, 0)), kind))
    assert (found.width, found.height, opened(found).mode, opened(found).format) == (40, 30, "RGB", "PNG")


def test_of_a_photograph_with_pictures_behind_it_the_first_is_taken() -> None:
    first, second = Image.new("RGB", (40, 30), (255, 0, 0)), Image.new("RGB", (20, 15), (0, 0, 255))
    data = saved(first, "MPO", save_all=True, append_images=[second], quality=95)
    assert Image.open(io.BytesIO(data)).n_frames == 2
    found = clean(data)
    assert (found.width, found.height) == (40, 30)
    assert opened(found).getpixel((5, 5)) == pytest.approx((255, 0, 0), abs=2)


def swapped_profile() -> bytes:
    """A profile in which red and green have changed places: sRGB's with two names in its table exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"....", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"....", b"gXYZ", 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_a_colour_profile_is_applied_and_dropped(kind: str) -> None:
    red = Image.new("RGB", (16, 16), (255, 0, 0))
    found = clean(saved(red, kind, icc_profile=swapped_profile(), quality=95))
    assert opened(found).getpixel((5, 5)) == pytest.approx((0, 255, 0), abs=3)
    assert "icc_profile" not in opened(found).info


def test_a_profile_is_applied_below_transparency_and_to_palettes() -> None:
    half = Image.new("RGBA", (16, 16), (255, 0, 0, 128))
    assert opened(clean(saved(half, "PNG", icc_profile=swapped_profile()))).getpixel((5, 5)) == (127, 255, 127)
    few = Image.new("RGB", (16, 16), (255, 0, 0)).quantize(4)
    assert opened(clean(saved(few, "PNG", icc_profile=swapped_profile()))).getpixel((5, 5)) == (0, 255, 0)


def test_the_profile_of_srgb_itself_changes_nothing() -> None:
    picture = Image.effect_noise((64, 64), 50).convert("RGB")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert clean(saved(picture, "PNG", icc_profile=srgb)) == clean(saved(picture, "PNG"))


@pytest.mark.parametrize("profile", [b"no profile", swapped_profile()[:300], bytes(600)])
def test_a_broken_profile_counts_as_none(profile: bytes) -> None:
    red = Image.new("RGB", (16, 16), (255, 0, 0))
    assert clean(saved(red, "PNG", icc_profile=profile)) == clean(saved(red, "PNG"))


def test_a_profile_of_another_kind_of_picture_counts_as_none() -> None:
    plain, ink = Image.new("RGB", (16, 16), (255, 0, 0)), Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert clean(saved(ink, "JPEG", icc_profile=swapped_profile())) == clean(saved(ink, "JPEG"))
    assert opened(clean(saved(ink, "JPEG"))).getpixel((5, 5)) == pytest.approx(plain.getpixel((5, 5)), abs=3)


def test_a_photograph_stands_upright_and_says_nothing_of_where_it_was_taken() -> None:
    photograph, exif = Image.new("RGB", (40, 30), (0, 0, 255)), Image.Exif()
    photograph.paste((255, 0, 0), (0, 0, 40, 10))  # red above
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[0x8825] = {1: "N"}  # a place

    found = clean(saved(photograph, "PNG", exif=exif))

    picture = opened(found)
    assert (found.width, found.height) == (30, 40)
    assert picture.getpixel((29, 20)) == (255, 0, 0)  # and red to the right
    assert not picture.getexif()
    assert picture.info.get("exif") is None


def test_transparency_lies_on_white() -> None:
    found = clean(saved(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG"))
    assert opened(found).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_a_pixel_keep_their_light() -> None:
    grey = Image.frombytes("I;16", (8, 8), (32768).to_bytes(2, "little") * 64)
    assert opened(clean(saved(grey, "PNG"))).getpixel((0, 0)) in [(127,) * 3, (128,) * 3]


def test_the_same_pixels_are_the_same_bytes() -> None:
    picture = Image.effect_noise((16, 16), 50).convert("RGB")
    assert clean(saved(picture, "PNG")) == clean(saved(picture, "WEBP", lossless=True))


FRAMES = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 255)]
WHOLE = saved(Image.effect_noise((64, 64), 50), "PNG")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (saved(Image.new("RGB", (8, 8)), "TIFF"), "no picture"),
        (WHOLE[: len(WHOLE) // 2], "broken"),
        (saved(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), "animated"),
        (saved(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), "animated"),
        (saved(FRAMES[0], "AVIF", save_all=True, append_images=FRAMES[1:]), "animated"),
        (saved(Image.new("1", (2000, 2000)), "PNG"), "2000x2000"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        clean(data)


def test_a_picture_that_is_too_large_is_not_looked_at() -> None:
    with pytest.raises(TooLarge, match="1,000,000"):
        clean(b"x" * 1_000_001)


def test_whatever_is_cut_off_or_changed_is_a_picture_or_refused() -> None:
    for kind in ("PNG", "JPEG", "MPO", "WEBP", "AVIF"):
        data = saved(Image.effect_noise((32, 32), 50).convert("RGB"), kind)
        for place in range(0, len(data), 7):
            for broken in (data[:place], data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]):
                with suppress(InvalidRequest):  # and nothing else
                    clean(broken)
