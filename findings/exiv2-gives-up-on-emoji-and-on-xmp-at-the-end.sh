#!/usr/bin/env bash
# What exiv2 0.28.8 (pyexiv2 2.16.0, Linux wheel) reads of pictures and clips of this field, seen 2026-11-30:
#
#   1. EXIF's UserComment is where A1111 and its kin keep the prompt of a JPEG, WebP or AVIF, as piexif's helper writes it:
#      `UNICODE` and UTF-16. exiv2 converts it from UCS-2. With one character beyond U+FFFF in it, an emoji in a prompt,
#      `read_exif()` raises "Cannot convert text encoding from 'UCS-2BE' to 'UTF-8'": no tag of the file can be read that
#      way, neither Make nor Software. Chinese is read as it should; piexif and Pillow read all of it.
#   2. XMP of an MP4 lies in a `uuid` box at the top level (XMP Specification Part 3), at any place. Where it is the last box
#      the whole file is refused: "corrupted image metadata". With 24 bytes behind it (the size of the box's own head and
#      UUID: a `free` box will do), or with the box before others, the same XMP is read.
#
# Expected before it was tried: UTF-16, as the pairs of half characters mean something else to nobody; and a box that is read
# to its end. Who writes such clips can put a `free` box behind. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  "pyexiv2==2.16.0" "piexif==1.1.3" "pillow==12.1.0" "imageio-ffmpeg==0.6.0"

cat > "$folder/probe.py" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import piexif
import piexif.helper
import pyexiv2
from PIL import Image

folder = Path(sys.argv[1])
failed = []


def check(what, right):
    print("as seen " if right else "DIFFERENT", what)
    if not right:
        failed.append(what)


def read(path, how):
    """What exiv2 reads, or its last words."""
    try:
        image = pyexiv2.Image(str(path))
        try:
            return getattr(image, how)()
        finally:
            image.close()
    except RuntimeError as error:
        return str(error)


def commented(prompt):
    path = folder / "prompt.jpg"
    comment = piexif.helper.UserComment.dump(prompt, encoding="unicode")
    exif = {"0th": {piexif.ImageIFD.Software: "a farm"}, "Exif": {piexif.ExifIFD.UserComment: comment}}
    Image.new("RGB", (16, 16)).save(path, exif=piexif.dump(exif))
    again = piexif.load(str(path))["Exif"][piexif.ExifIFD.UserComment]
    assert piexif.helper.UserComment.load(again) == prompt
    return read(path, "read_exif")


chinese, emoji = commented("a red fox 中文"), commented("a red fox \U0001f98a")
check(f"a prompt in Chinese: {chinese}", "中文" in chinese["Exif.Photo.UserComment"])
check(f"a prompt with an emoji: {emoji}", isinstance(emoji, str) and "UCS-2BE" in emoji)

clip = folder / "clip.mp4"
command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc=d=1:s=64x64", str(clip)]
subprocess.run(command, check=True)
film = clip.read_bytes()
XMP = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">\
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" \
xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="video/mp4"/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>"""


def box(kind, body):
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def with_xmp(behind=b""):
    clip.write_bytes(film + box(b"uuid", UUID + XMP) + behind)
    return read(clip, "read_xmp")


UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
READ = {"Xmp.dc.format": "video/mp4"}
last, little, enough = with_xmp(), with_xmp(box(b"free", bytes(12))), with_xmp(box(b"free", bytes(16)))
check(f"XMP in the last box: {last}", last == "corrupted image metadata")
check(f"20 bytes behind it: {little}", little == "corrupted image metadata")
check(f"24 bytes behind it: {enough}", enough == READ)
head = int.from_bytes(film[:4], "big")
clip.write_bytes(film[:head] + box(b"uuid", UUID + XMP) + film[head:])
early = read(clip, "read_xmp")
check(f"behind the first box: {early}", early == READ)
sys.exit(bool(failed))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
