"""`python -m farm.saved_parameters.extraction`: the texts in one file, in a process of :mod:`farm.confined_process`.

It answers with a JSON object of what it found: `document` (this farm's JSON document), `infotext` (A1111's text) and
`workflow` (a graph of ComfyUI, what ran before the canvas). No pixel is unpacked.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

from PIL import Image

from farm.clip_containers import container_of
from farm.confined_process import Limits

_EXIF_IFD, _USER_COMMENT, _MAKE, _MODEL = 0x8769, 0x9286, 0x010F, 0x0110  # tags of EXIF 2.3
_DOCUMENT = re.compile(r"<farm:recipe>(.*?)</farm:recipe>", re.DOTALL)
#: Other texts of a file are left where they are.
_LONGEST = 2_000_000


def main(arguments: list[str]) -> None:
    """The limits (memory, processor time) and the file."""
    memory, seconds, file = arguments
    Limits(int(memory), int(seconds)).apply()
    try:
        found = texts_in(Path(file))
    except MemoryError:
        return  # no answer says that the limit was too small
    json.dump({name: text for name, text in found.items() if text and len(text) <= _LONGEST}, sys.stdout)


def texts_in(file: Path) -> dict[str, str]:
    """What the file says by each of the three names; empty where it is broken, or says nothing."""
    with file.open("rb") as opened:
        begin = opened.read(16)
    if begin.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":  # a graph by itself
        return {"workflow": file.read_text(encoding="utf-8-sig", errors="replace")}
    try:
        container = container_of(begin[:12])
        return _of_clip(file, container) if container else _of_picture(file)
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError):  # broken, whatever a reader makes of it
        return {}


def _of_picture(file: Path) -> dict[str, str]:
    Image.MAX_IMAGE_PIXELS = None  # nothing is unpacked
    with Image.open(file) as picture:
        info: dict[Any, Any] = dict(picture.info)
        exif = picture.getexif()
    comment = info.get("comment", b"")
    described = [exif.get(tag) for tag in (_MAKE, _MODEL)]  # where ComfyUI's WebP has its graphs
    graphs = dict(str(text).split(":", 1) for text in described if ":" in str(text))
    packet = info.get("xmp") or info.get("XML:com.adobe.xmp") or ""
    ours = _DOCUMENT.search(packet.decode(errors="replace") if isinstance(packet, bytes) else str(packet))
    return {
        "document": str(info.get("latent-farm") or (unescape(ours[1]) if ours else "")),
        "infotext": str(info.get("parameters") or "")
        or _user_comment(exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT))
        or (comment.decode(errors="replace") if isinstance(comment, bytes) else str(comment)),
        "workflow": _graph({**graphs, **info}),
    }


def _user_comment(raw: object) -> str:
    """The text of EXIF's UserComment; UTF-16 in the order of bytes that gives the more letters of ASCII."""
    if not isinstance(raw, bytes):
        return str(raw or "")
    code, text = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        both = [text.decode(order, errors="replace") for order in ("utf-16-be", "utf-16-le")]
        return max(both, key=lambda read: sum(letter.isascii() for letter in read))
    return (text if code == b"ASCII\0\0\0" else raw).decode(errors="replace").strip("\0")


def _of_clip(file: Path, container: str) -> dict[str, str]:
    import av  # no picture waits for a video library

    # By its handle and its container: no name of another file and no address is ever followed.
    with file.open("rb") as opened, av.open(opened, "r", format=container, metadata_errors="replace") as clip:
        said = {name.lower(): text for name, text in clip.metadata.items()}
    comment, described = said.get("comment", ""), said.get("description", "")
    if comment.startswith("{"):  # as a node of ComfyUI writes it
        try:
            graphs = json.loads(comment)
        except ValueError:
            graphs = None
        return {"workflow": _graph(graphs) if isinstance(graphs, Mapping) else ""}
    return {
        "document": described if described.startswith("{") else "",
        "infotext": comment,
        "workflow": _graph(said),
    }


def _graph(texts: Mapping[Any, Any]) -> str:
    found = next((texts[name] for name in ("prompt", "workflow") if texts.get(name)), "")
    return found if isinstance(found, str) else json.dumps(found)


if __name__ == "__main__":
    main(sys.argv[1:])
