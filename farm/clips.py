"""Clips that people send: every frame decoded and looked at, so that what is stored is frames and nothing else.

What comes out is upright RGB without sound and without metadata, each pixel as it was decoded: FFV1, a codec that loses
nothing, in Matroska. Whoever reads it later (a worker) reads only what was written here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from numpy.typing import NDArray

from farm.clip_containers import MOST_FRAME_PIXELS, ClipLimits, container_of, is_cut_off
from farm.errors import Fault, InvalidRequest, TooLarge

#: uint8, (height, width, 3), RGB.
Frame = NDArray[np.uint8]
#: What is decoded; all others are refused unread.
_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})
#: That convert the colours of a frame. PyAV would start some for each frame, which live until the garbage is collected:
#: some hundred stacks are more addresses than the process may have that looks at uploads.
_THREADS = 1


@dataclass(frozen=True)
class CleanClip:
    """A clip as it is stored: sizes in pixels, frames a second on average."""

    width: int
    height: int
    frames: int
    frame_rate: float


def clean_clip(file: Path, stored: Path, limits: ClipLimits) -> CleanClip:
    """Write what was sent, as it will be stored, to `stored`. The same frames at the same rate give the same bytes.

    Raises:
        TooLarge: more bytes than a clip may have.
        InvalidRequest: no clip that is taken, broken, of a single frame, or longer or larger than the limits.
        MemoryError: there is too little to decode it.
    """
    size = file.stat().st_size
    if size > limits.bytes:
        raise TooLarge(f"the clip has {size:,} bytes and this farm accepts {limits.bytes:,}; send a smaller one")
    with file.open("rb") as opened:
        begin = opened.read(80)
        container = container_of(begin[:12])
        if container is None:
            raise _refused("is no clip that is taken here; send MP4 or WebM")
        if is_cut_off(begin, size):
            raise _refused("ends before its end; send the whole file")
        opened.seek(0)
        try:
            return _copy(opened, container, stored, limits)
        except MemoryError:  # FFmpeg's own is one, too: it says nothing of the file
            raise
        except (av.error.FFmpegError, ValueError, EOFError) as error:
            raise _refused("is broken; save it again and send that") from error


def frames_of(stored: Path) -> Iterator[Frame]:
    """The frames of a stored clip, one after the other. Raises OSError where it is none."""
    try:
        with stored.open("rb") as opened, av.open(opened, "r", format="matroska") as source:
            for frame in source.decode(video=0):
                yield _pixels(frame)
    except (av.error.FFmpegError, IndexError) as error:
        raise OSError(f"it is no clip as the farm stores them ({error})") from error


def _copy(opened: BinaryIO, container: str, stored: Path, limits: ClipLimits) -> CleanClip:
    # By its handle and its container: no name of another file and no address is ever followed.
    with av.open(opened, "r", format=container, metadata_errors="replace") as source:
        stream = _stream_of(source)
        writer: _Writer | None = None
        times: list[Fraction] = []
        for frame in _decoded(source, stream):
            pixels = _upright(frame, limits, len(times))
            if writer is None:
                writer = _Writer(stored, pixels, stream.average_rate)
            elif pixels.shape != writer.shape:
                raise _refused("changes its size on the way; save it again with one size")
            writer.add(pixels)
            times.append(_time_of(frame, len(times)))
        rate = _rate_of(times, stream)
    if writer is None:
        raise _refused("has no frame that can be decoded; save it again and send that")
    if len(times) == 1:
        raise _refused("has one frame only; send that as a picture")
    if len(times) / rate > limits.seconds:
        raise _refused(f"lasts {len(times) / rate:.0f} seconds and this farm takes {limits.seconds}; cut it")
    writer.end(rate)
    height, width, _ = writer.shape
    return CleanClip(width, height, len(times), rate)


def _stream_of(source: av.container.InputContainer) -> av.VideoStream:
    """The clip's pictures, of several tracks the first; its header is looked at before anything is decoded."""
    moving = [each for each in source.streams.video if not each.disposition & Disposition.attached_pic]
    if not moving:
        raise _refused("holds no moving picture, or its end is missing; send a whole MP4 or WebM with one")
    stream = moving[0]
    codec = stream.codec_context
    if codec is None:  # FFmpeg knows it by no name
        raise _refused("is coded in a way that is not known here; send H.264, HEVC, VP8, VP9 or AV1")
    if codec.name.removeprefix("lib") not in {*_CODECS, "dav1d", "vpx", "vpx-vp9"}:
        raise _refused(f"is coded as {codec.name[:20]}; send H.264, HEVC, VP8, VP9 or AV1")
    if codec.width * codec.height > MOST_FRAME_PIXELS:
        raise _refused(f"has frames of {codec.width}x{codec.height}; send at most {MOST_FRAME_PIXELS:,} pixels a frame")
    codec.options = {"err_detect": "explode"}  # or damaged frames would be made up for from others
    codec.thread_count = 1  # each thread would hold frames of its own
    return stream


def _decoded(source: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """The frames, in the order in which they are shown.

    A clip that was cut out of another without coding it anew begins with a picture that stands by itself, behind which
    may lie some that are shown before it and refer to what was cut off (an open group of pictures): players leave them
    out, and so do we.
    """
    begins: int | None = None
    before = False  # the last two packets: FFmpeg may tell of one when it is given the next
    for packet in source.demux(stream):
        begins = packet.pts if begins is None else begins
        was_before, before = before, begins is not None and packet.pts is not None and packet.pts < begins
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            if not (before or was_before):
                raise
            continue
        yield from frames


def _upright(frame: av.VideoFrame, limits: ClipLimits, before: int) -> Frame:
    if frame.is_corrupt:
        raise _refused(f"is broken at frame {before + 1}; save it again and send that")
    pixels = frame.width * frame.height
    if pixels > MOST_FRAME_PIXELS:
        raise _refused(f"has frames of {frame.width}x{frame.height}; send at most {MOST_FRAME_PIXELS:,} pixels a frame")
    if before >= limits.frames:
        raise _refused(f"has more than {limits.frames:,} frames; cut it")
    if (before + 1) * pixels > limits.pixels:
        raise _refused(f"has more than {limits.pixels:,} pixels in all its frames; cut it, or make it smaller")
    return np.ascontiguousarray(_turned(_pixels(frame), frame))


def _turned(pixels: Frame, frame: av.VideoFrame) -> Frame:
    """As the container says that it is shown: turned by quarters, as the camera was held, and mirrored.

    The matrix (ISO/IEC 14496-12, 8.3.2) takes a place (x, y) to (a x + c y, b x + d y). Of a turn by less than a
    quarter the nearest of these is taken.
    """
    noted = cast("Mapping[Type, Any]", frame.side_data).get(Type.DISPLAYMATRIX)
    if noted is None:
        return pixels
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(noted), np.int32).reshape(3, 3).astype(int)
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, across, down = pixels.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _pixels(frame: av.VideoFrame) -> Frame:
    return frame.to_ndarray(format="rgb24", threads=_THREADS).astype(np.uint8, copy=False)


def _time_of(frame: av.VideoFrame, place: int) -> Fraction:
    if frame.pts is None or frame.time_base is None:
        raise _refused(f"does not say when its frame {place + 1} is shown; save it again and send that")
    return frame.pts * frame.time_base


def _rate_of(times: list[Fraction], stream: av.VideoStream) -> float:
    """Frames a second on average, from when the first and the last are shown.

    WebM says its times in whole milliseconds: what the header says beside it counts where it is about the same.
    """
    lasted = times[-1] - times[0] if times else Fraction(0)
    if len(times) > 1 and lasted <= 0:
        raise _refused("shows all its frames at once; save it again and send that")
    shown = (len(times) - 1) / lasted if lasted else Fraction(1)
    told = stream.average_rate
    return round(float(told if told and abs(told - shown) <= shown / 50 else shown), 3)


class _Writer:
    """Frames into FFV1 in Matroska: its bytes hold nothing of when and by what they were written."""

    def __init__(self, stored: Path, first: Frame, told: Fraction | None) -> None:
        self.shape = first.shape
        self._container = av.open(stored, "w", format="matroska", options={"fflags": "+bitexact"})
        played = told if told and 0 < told <= 1000 else Fraction(25)
        self._stream = self._container.add_stream("ffv1", rate=played.limit_denominator(1001))
        self._stream.width, self._stream.height = first.shape[1], first.shape[0]
        self._stream.pix_fmt = "bgr0"
        self._stream.codec_context.flags |= av.codec.context.Flags.bitexact
        self._stream.codec_context.thread_count = 1
        self._packets: list[av.Packet[av.VideoStream]] = []

    def add(self, pixels: Frame) -> None:
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        self._packets += self._stream.encode(frame.reformat(format="bgr0", threads=_THREADS))

    def end(self, rate: float) -> None:
        """Write the file. Its rate stands in it too, so that the same frames at another rate are another file."""
        self._container.metadata["FRAME_RATE"] = f"{rate:g}"
        self._container.mux([*self._packets, *self._stream.encode(None)])
        self._container.close()


def _refused(rule: str) -> InvalidRequest:
    return InvalidRequest([Fault("", f"the clip {rule}")])
