"""Files that people upload: which are taken as clips, and within which limits."""

from pathlib import Path

import pytest

from farm.clips import frames_of
from farm.errors import InvalidRequest, TooLarge
from farm.settings import load_settings
from farm.uploads import read_upload
from tests.workers.pictures import moving_bar, write_clip


def test_an_upload_is_known_as_a_clip_whatever_it_is_called(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_clip(clip, moving_bar(frames=9))
    settings = load_settings(variables={})
    found = read_upload("scene.png", clip, settings)
    assert (found.suffix, found.content_type) == (".mkv", "video/x-matroska")
    assert (found.width, found.height, found.frames, found.frame_rate) == (48, 40, 9, 16.0)
    assert len(list(frames_of(found.file))) == 9
    again = tmp_path / "again.mp4"
    write_clip(again, moving_bar(frames=9))
    with pytest.raises(TooLarge, match=r"the clip has .* bytes and this farm accepts 1,000"):
        read_upload("scene.mp4", again, settings.model_copy(update={"max_clip_bytes": 1_000}))


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"RIFF\x10\x20\x30\x00AVI LIST", "AVI"),
        (b"GIF89a\x10\x00\x10\x00", "GIF"),
        ((b"G" + b"\0" * 187) * 3, "MPEG transport stream"),
        ((b"\0\0\0\0G" + b"\0" * 187) * 3, "MPEG transport stream"),
        (b"\x00\x00\x01\xba\x44", "MPEG program stream"),
        (b"OggS\0", "Ogg"),
    ],
)
def test_clips_of_other_kinds_are_called_what_they_are(tmp_path: Path, begin: bytes, kind: str) -> None:
    path = tmp_path / "clip"
    path.write_bytes(begin)
    with pytest.raises(InvalidRequest) as caught:
        read_upload("clip", path, load_settings(variables={}))
    assert f"a clip of a kind that is not taken ({kind}); save it as MP4" in caught.value.faults[0].message


def test_a_clip_of_hundreds_of_frames_is_read_within_the_memory_of_an_upload(tmp_path: Path) -> None:
    path = tmp_path / "slow-motion.mp4"
    write_clip(path, moving_bar(frames=400, width=128, height=128), rate=240)
    found = read_upload("slow-motion.mp4", path, load_settings(variables={}))
    assert (found.frames, found.frame_rate) == (400, 240.0)
