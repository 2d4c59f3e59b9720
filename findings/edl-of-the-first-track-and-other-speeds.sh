#!/usr/bin/env bash
# What is in an EDL that OpenTimelineIO writes (otio-cmx3600-adapter 1.0.0, opentimelineio 0.18.1), seen 2026-12-01:
#
#   `otio.adapters.write_to_string(timeline, "cmx_3600")` is how shots that were rendered are handed to editing and grading. It asks that
#   there be one video track that is enabled, and then writes the first track of all, whichever that is:
#   1. Music above the pictures in the list: the EDL has the music, and no shot. A first track that is switched off, as the cut of yesterday kept
#      for comparison: an EDL with a title and nothing else.
#   2. A stack among the clips (a compound clip, a nested version) is left out: a hole in the cut, of its length.
#   3. A clip at double speed uses twice as much of its source as it lasts. Written is half as much, and at half speed twice: the length is
#      divided by the speed. An event of an Avid EDL, 70 frames at 47.6 in 36, read and written again, has 18 frames of source and 47.6.
#   4. A dissolve is written as EDLs have it, from its beginning. To that end clips and transition of the caller's timeline are changed: the
#      clip before it is shorter and the one after it longer, in whatever is saved or written from that timeline later.
#   No error, no warning.
#
# Expected before it was tried: the video track, an error for what an EDL cannot say (as there is for two video tracks, and for two effects), source
# times speed, and a timeline left alone. A copy of the one track in a timeline of its own helps 1 and 4, `flatten_stack` may help 2. Generated
# timelines. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "opentimelineio==0.18.1" "otio-cmx3600-adapter==1.0.0"

cat > "$folder/probe.py" <<'PYTHON'
import re
import sys
from importlib.metadata import version

import opentimelineio
from opentimelineio import adapters, opentime, schema

RATE = 24


def frames(count):
    return opentime.RationalTime(count, RATE)


def clip(name, start=0, length=48, speed=None):
    media = schema.ExternalReference(target_url=f"/renders/{name}.mov")
    made = schema.Clip(name=name, media_reference=media, source_range=opentime.TimeRange(frames(start), frames(length)))
    if speed:
        made.effects.append(schema.LinearTimeWarp(time_scalar=speed))
    return made


def track(*children, kind="Video", enabled=True):
    made = schema.Track(name=kind[0], kind=kind, children=list(children))
    made.enabled = enabled
    return made


def edl(*tracks):
    timeline = schema.Timeline(name="cut")
    timeline.tracks.extend(tracks)
    return adapters.write_to_string(timeline, "cmx_3600")


def events(text):
    """(reel, channel, frames of source, first and last frame of the cut) of each event."""
    found = []
    for line in text.splitlines():
        if match := re.match(r"\d{3}\s+(\S+)\s+(\S+)\s+(?:C|D \d+)\s+(\S+) (\S+) (\S+) (\S+)", line):
            source, until, start, end = (int(opentime.from_timecode(code, RATE).value) for code in match.groups()[2:])
            found.append((match[1], match[2], until - source, start, end))
    return found


print(f"otio-cmx3600-adapter {version('otio-cmx3600-adapter')}, opentimelineio {opentimelineio.__version__}")
control = events(edl(track(clip("a"), clip("b"))))
music = events(edl(track(clip("music", length=96), kind="Audio"), track(clip("a"), clip("b"))))
switched_off = edl(track(clip("old"), enabled=False), track(clip("a"), clip("b")))
print(f"  two clips: {control}\n  1. music first: {music}\n     a track first that is switched off: {switched_off!r}")

nested = schema.Stack(name="compound", children=[track(clip("inside"))])
compound = events(edl(track(clip("a"), nested, clip("b"))))
print(f"  2. with a stack between them: {compound}")

speeds = {speed: events(edl(track(clip("a", length=24, speed=speed))))[0][2] for speed in (None, 2.0, 0.5)}
AVID = "TITLE: cut\n\n001  AX       V     C        01:00:06:00 01:00:08:22 01:00:00:00 01:00:01:12\nM2   AX       047.6                01:00:06:00\n"
again = adapters.write_to_string(adapters.read_from_string(AVID, "cmx_3600"), "cmx_3600")
lengths = [events(text)[0][2] for text in (AVID, again)]
speed_again = re.search(r"^M2\s+\S+\s+(\S+)", again, re.MULTILINE)[1]
print(f"  3. frames of source of 24 frames at a speed: {speeds}; read and written: {lengths[0]} and {lengths[1]}, at {speed_again}")

timeline = schema.Timeline(name="cut")
dissolve = schema.Transition(transition_type="SMPTE_Dissolve", in_offset=frames(6), out_offset=frames(6))
timeline.tracks.append(track(clip("a", 10), dissolve, clip("b", 10)))
before = timeline.to_json_string()
adapters.write_to_string(timeline, "cmx_3600")
after = [(int(item.source_range.start_time.value), int(item.source_range.duration.value)) for item in timeline.find_clips()]
print(f"  4. clips that were (10, 48) are {after} once the EDL was written")

as_seen = control == [("a", "V", 48, 0, 48), ("b", "V", 48, 48, 96)] and music == [("music", "A", 96, 0, 96)]
as_seen &= switched_off.strip() == "TITLE: cut" and compound == [("a", "V", 48, 0, 48), ("b", "V", 48, 96, 144)]
as_seen &= speeds == {None: 24, 2.0: 12, 0.5: 48} and lengths == [70, 18] and float(speed_again) == 47.6
sys.exit(not (as_seen and after == [(10, 42), (4, 54)] and before != timeline.to_json_string()))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
