"""Clips that editors cut out of others without coding anything anew."""

from pathlib import Path

import av
import pytest

from tests.farm.test_clips import clean, decoded, refused
from tests.workers.pictures import moving_bar, write_clip

#: So that pictures refer to what lies before the one that a cut begins with.
_OPEN_GROUPS = "open-gop=1:keyint=6:min-keyint=6:bframes=2:b-adapt=0:scenecut=0"


def _cut_off(source: Path, target: Path) -> None:
    """From the second picture on that stands by itself, as editors cut that code nothing anew."""
    with av.open(source) as opened, av.open(target, "w") as written:
        stream = opened.streams.video[0]
        copied, seen = written.add_stream_from_template(stream), 0
        for packet in opened.demux(stream):
            seen += packet.is_keyframe
            if seen > 1 and packet.dts is not None:
                packet.stream = copied
                written.mux(packet)


@pytest.mark.parametrize(("codec", "options"), [("libx264", "x264-params"), ("libx265", "x265-params")])
def test_a_clip_that_was_cut_without_coding_it_anew_begins_where_players_begin(
    tmp_path: Path, codec: str, options: str
) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    write_clip(whole, moving_bar(frames=20, width=64, height=64), codec=codec, rate=16, **{options: _OPEN_GROUPS})
    _cut_off(whole, cut)

    found = clean(cut)

    assert found.frames == len(decoded(cut)) > 9


def test_what_is_broken_further_on_in_a_cut_clip_is_refused_as_ever(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    write_clip(whole, moving_bar(frames=30, width=64, height=64), **{"x264-params": _OPEN_GROUPS})
    _cut_off(whole, cut)
    data = bytearray(cut.read_bytes())
    begins, ends = data.index(b"mdat") + 4, data.index(b"moov")
    middle = (begins + ends) // 2
    data[middle : middle + 60] = b"\xff" * 60
    cut.write_bytes(data)
    assert "is broken" in refused(cut)
