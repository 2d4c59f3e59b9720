"""What people send as a clip: which frames are stored of it, and what is refused."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from farm.clip_containers import ClipLimits, container_of, is_cut_off
from farm.clips import CleanClip, clean_clip, frames_of
from farm.errors import InvalidRequest, TooLarge
from tests.workers.pictures import moving_bar, write_clip

_EBML = b"\x1a\x45\xdf\xa3"
LIMITS = ClipLimits(bytes=1_000_000, frames=30, pixels=100_000, seconds=10)


def clean(path: Path, **limits: int) -> CleanClip:
    return clean_clip(path, path.with_suffix(".stored"), ClipLimits(**vars(LIMITS) | limits))


def refused(path: Path, **limits: int) -> str:
    with pytest.raises((InvalidRequest, TooLarge)) as caught:
        clean(path, **limits)
    return " ".join([caught.value.detail, *(fault.message for fault in getattr(caught.value, "faults", ()))])


def decoded(path: Path) -> list[Any]:
    with av.open(path) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Nine frames at 16 a second."""
    path = tmp_path / "clip.mp4"
    write_clip(path, moving_bar(frames=9))
    return path


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("libx264", "a.mp4"),
        ("libx265", "a.mov"),
        ("libvpx", "a.webm"),
        ("libvpx-vp9", "a.webm"),
        ("libsvtav1", "a.mkv"),
    ],
)
def test_every_frame_is_stored_as_it_is_decoded_with_the_rate(tmp_path: Path, codec: str, name: str) -> None:
    path = tmp_path / name
    write_clip(path, moving_bar(frames=9, width=64, height=64), codec=codec, rate=24)

    assert clean(path) == CleanClip(width=64, height=64, frames=9, frame_rate=24.0)

    stored = list(frames_of(path.with_suffix(".stored")))
    assert len(stored) == 9
    assert all(np.array_equal(one, other) for one, other in zip(stored, decoded(path), strict=True))


def test_the_same_frames_are_the_same_bytes_and_at_another_rate_others(tmp_path: Path) -> None:
    stored = []
    for name, rate in (("one", 16), ("two", 16), ("three", 24)):
        path = tmp_path / f"{name}.mp4"
        write_clip(path, moving_bar(frames=5), rate=rate, qp="0")
        clean(path)
        stored.append(path.with_suffix(".stored").read_bytes())
    assert stored[0] == stored[1] != stored[2]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), lambda shown: shown),
        ((0, 1, -1, 0), lambda shown: np.rot90(shown, -1)),
        ((-1, 0, 0, -1), lambda shown: np.rot90(shown, 2)),
        ((0, -1, 1, 0), lambda shown: np.rot90(shown, 1)),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda shown: shown.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda shown: np.rot90(shown, 2).swapaxes(0, 1)),
    ],
    ids=[
        "as it is",
        "clockwise",
        "upside down",
        "against the clock",
        "mirrored",
        "flipped",
        "transposed",
        "transversed",
    ],
)
def test_a_clip_stands_as_its_container_says_that_it_is_shown(
    tmp_path: Path, clip: Path, matrix: tuple[int, ...], expected: Callable[[Any], Any]
) -> None:
    # Given a clip whose container says how it is turned or mirrored,
    data = bytearray(clip.read_bytes())
    place = data.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12: the matrix of a track header of version 0
    a, b, c, d = matrix
    for offset, value in enumerate((a, b, 0, c, d, 0)):
        data[place + 4 * offset : place + 4 * offset + 4] = (value * 0x10000).to_bytes(4, "big", signed=True)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data)
    # when it is stored,
    found = clean(turned)
    # then it stands, every frame of it: what was wide is high where it lay on its side.
    stored = list(frames_of(turned.with_suffix(".stored")))
    assert (found.width, found.height) == ((48, 40) if a else (40, 48))
    assert all(np.array_equal(one, expected(shown)) for one, shown in zip(stored, decoded(clip), strict=True))


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp4"
    with av.open(sound, "w") as container:
        stream = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.rate = 8000
        container.mux([*stream.encode(silence), *stream.encode(None)])
    assert "holds no moving picture, or its end is missing" in refused(sound)


def test_of_two_tracks_the_first_is_taken_and_a_cover_is_none(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(path, "w") as container:
        streams = [container.add_stream("libx264", rate=16) for _ in range(3)]
        for width, stream in zip((32, 48, 64), streams, strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 40, "yuv420p"
        streams[0].disposition = Disposition.attached_pic
        for width, stream in zip((32, 48, 64), streams, strict=True):
            for pixels in moving_bar(frames=5, width=width):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))

    with av.open(path) as opened:
        cover = bool(opened.streams.video[0].disposition & Disposition.attached_pic)
    assert clean(path).width == (48 if cover else 32)


def test_a_lack_of_memory_is_no_fault_of_the_clip(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: Any) -> Any:
        raise av.error.MemoryError(12, "Cannot allocate memory")

    monkeypatch.setattr("farm.clips._decoded", out_of_memory)
    with pytest.raises(MemoryError):
        clean(clip)


def test_sound_and_metadata_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(path, "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata["location"] = "+48.8584+002.2945/"
        stream, sound = container.add_stream("libx264", rate=16), container.add_stream("aac", rate=8000)
        stream.width, stream.height, stream.pix_fmt = 48, 40, "yuv420p"
        for pixels in moving_bar(frames=5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.rate = 8000
        container.mux([*stream.encode(None), *sound.encode(silence), *sound.encode(None)])
    assert b"48.8584" in path.read_bytes()

    assert clean(path).frames == 5

    data = path.with_suffix(".stored").read_bytes()
    assert b"48.8584" not in data
    with av.open(path.with_suffix(".stored")) as stored:
        assert [stream.type for stream in stored.streams] == ["video"]


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"bytes": 100}, "bytes and this farm accepts 100"),
        ({"frames": 8}, "more than 8 frames; cut it"),
        ({"pixels": 48 * 40 * 8}, "more than 15,360 pixels in all its frames"),
        ({"seconds": 0}, "lasts 1 seconds and this farm takes 0; cut it"),
    ],
)
def test_what_is_more_than_the_farm_takes_is_refused_with_the_limit(
    clip: Path, limits: dict[str, int], told: str
) -> None:
    assert told in refused(clip, **limits)


def test_what_is_no_clip_or_a_broken_one_is_refused(tmp_path: Path, clip: Path) -> None:
    whole = clip.read_bytes()
    for name, data, told in (
        ("text", b"not a clip at all", "is no clip that is taken here; send MP4 or WebM"),
        ("cut", whole[: len(whole) // 2], "is broken"),
        ("header alone", whole[:40], "is broken"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        assert told in refused(path), name
    still = tmp_path / "still.mp4"
    write_clip(still, moving_bar(frames=1))
    assert "has one frame only; send that as a picture" in refused(still)


@pytest.mark.parametrize("live", [False, True])
def test_a_webm_of_which_the_end_is_missing_is_refused_where_it_says_its_length(tmp_path: Path, live: bool) -> None:
    # Given a WebM, as a program saves it, or as a browser records it, without a length,
    whole = tmp_path / "whole.webm"
    write_clip(whole, moving_bar(frames=9), codec="libvpx-vp9")
    if live:
        data = bytearray(whole.read_bytes())
        length = data.index(b"\x18\x53\x80\x67") + 4  # RFC 9559: of the segment; all ones mean unknown
        data[length : length + 8] = b"\x01" + b"\xff" * 7
        whole.write_bytes(data)
    assert clean(whole).frames == 9
    # when a part of it is sent,
    cut = tmp_path / "cut.webm"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    # then it is refused: fewer frames would be taken in silence. Of the recording nobody can know.
    if live:
        assert clean(cut).frames < 9
    else:
        assert "ends before its end; send the whole file" in refused(cut)


@pytest.mark.parametrize("data", [b"", _EBML, _EBML + b"\x00", _EBML + b"\xff", _EBML + b"\x84webm", _EBML + b"\x40"])
def test_what_says_no_length_is_not_cut_off(data: bytes) -> None:
    assert not is_cut_off(data, 10)


def test_a_codec_that_is_none_of_those_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_clip(path, moving_bar(frames=3), codec="mpeg2video", rate=25)
    assert "is coded as mpeg2video; send H.264" in refused(path)


def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path: Path, clip: Path) -> None:
    # Given a clip whose header says that it is 65,000 pixels wide and high, and lasts for years,
    data = bytearray(clip.read_bytes())
    place = data.index(b"avc1") + 4 + 24  # ISO/IEC 14496-12: the size of a visual sample entry
    data[place : place + 4] = (65_000).to_bytes(2, "big") * 2
    for box, offset in ((b"mvhd", 16), (b"mdhd", 16)):
        at = data.index(box) + 4 + offset
        data[at : at + 4] = b"\x7f\xff\xff\xff"
    clip.write_bytes(data)
    # when it is looked at in a process that may have 1 GB more than it starts with, then it is refused, or stored as it
    # is decoded: never is so much taken as is promised.
    code = f"from tests.farm.test_clips import *; print(clean(Path({str(clip)!r})))"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)); {code}"
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, timeout=120, check=False)
    assert "frames=9" in done.stdout or "InvalidRequest" in done.stderr, done.stderr
    assert "MemoryError" not in done.stderr


def test_pictures_of_the_kind_of_mp4_are_pictures() -> None:
    assert container_of(b"\x00\x00\x00\x1cftypavif") is None
    assert container_of(b"\x00\x00\x00\x18ftypheic") is None
    assert container_of(b"\x00\x00\x00\x1cftypisom") == "mp4"
    assert container_of(b"\x89PNG\r\n\x1a\n0000") is None


def test_a_stored_clip_that_is_none_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(b"nothing")
    with pytest.raises(OSError, match="no clip as the farm stores them"):
        list(frames_of(path))


@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.mp4"), ("libvpx-vp9", "a.webm")])
def test_whatever_is_changed_in_a_file_it_is_stored_or_refused_in_words(tmp_path: Path, codec: str, name: str) -> None:
    path = tmp_path / name
    write_clip(path, moving_bar(frames=4), codec=codec)
    whole, dice = path.read_bytes(), np.random.default_rng(5)
    refusals = set()
    for _ in range(80):
        data = bytearray(whole)
        for place in dice.integers(0, len(data), dice.choice([1, 4, 16])):
            data[place] = dice.integers(0, 256)
        path.write_bytes(data)
        with suppress(InvalidRequest):
            clean(path)
            continue
        refusals.add(refused(path))
    assert refusals
    assert all("the clip " in told for told in refusals)
