"""Pictures and clips with captions as people keep them for training: a text beside each, or a table of all."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import typer

from farm.console.submission.imported_files import read_text

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif")
#: MOV is MP4 by another name, and Matroska is WebM's.
CLIPS = (".mp4", ".webm", ".mov", ".mkv")
_EXAMPLES = (*PICTURES, *CLIPS)
CAPTIONS = (".txt", ".caption")
#: Of these the farm takes none.
_OTHERS = (
    *(".bmp", ".gif", ".tif", ".tiff", ".jxl", ".heic", ".heif", ".jfif", ".jp2"),
    *(".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".m4v", ".ts", ".mts", ".ogv"),
)
#: As `datasets` reads a folder of images or videos.
TABLE = "metadata.jsonl"
_TEXTS = ("text", "caption", "prompt")
_FOLDER = "FOLDER"


def read_training_folder(folder: Path) -> dict[Path, str]:
    """The pictures and clips of a folder with their captions, by name: of its metadata.jsonl (`file_name`, and `text`,
    `caption` or `prompt`), or else of a .txt or .caption beside each.

    Raises typer.BadParameter.
    """
    table = folder / TABLE
    found = _of_table(table) if table.is_file() else _of_texts(folder)
    if not found:
        raise _refused(
            f"{folder} holds no picture ({', '.join(PICTURES)}) and no clip ({', '.join(CLIPS)})"
            f"{_examples_below(folder)}"
        )
    return dict(sorted(found.items()))


def _of_table(table: Path) -> dict[Path, str]:
    found = {}
    for number, line in enumerate(read_text(table, _FOLDER).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _refused(f"{table}, line {number}: no JSON: {error}") from error
        name = row.get("file_name") if isinstance(row, dict) else None
        caption = next((row[key] for key in _TEXTS if isinstance(row.get(key), str)), None) if name else None
        if not isinstance(name, str) or not caption:
            raise _refused(f"{table}, line {number}: wants 'file_name', and 'text', 'caption' or 'prompt'")
        if os.path.isabs(name) or os.path.normpath(name).split(os.sep)[0] == os.pardir:
            # Folders come from elsewhere, too, and what is named is uploaded.
            raise _refused(f"{table}, line {number}: {name} does not lie in {table.parent}")
        path = table.parent / name
        if not path.is_file():
            raise _refused(f"{table}, line {number}: there is no file {path}")
        if path in found:
            raise _refused(
                f"{table}, line {number}: {name} has a caption already; another one wants a copy of the file"
            )
        found[path] = caption
    return found


def _of_texts(folder: Path) -> dict[Path, str]:
    found = {}
    for path in _shown(folder):
        text = next((beside for suffix in CAPTIONS if (beside := path.with_suffix(suffix)).is_file()), None)
        if path.suffix.lower() not in _EXAMPLES:
            if text and path.suffix.lower() in _OTHERS:
                # Left out in silence it would be missed in the LoRA, if at all.
                raise _refused(f"{path.name} is none of {', '.join(_EXAMPLES)}: convert it, or remove its caption")
            continue
        caption = " ".join(read_text(text, _FOLDER).split()) if text else ""
        if not caption:
            raise _refused(f"{path.name} has no caption: write it into {path.with_suffix('.txt').name}")
        found[path] = caption
    return found


def _examples_below(folder: Path) -> str:
    """kohya's scripts take the folder above (`10_cross` and so on: ten repeats of each picture in it)."""
    below = sorted(
        inner.name
        for inner in _shown(folder)
        if inner.is_dir() and any(path.suffix.lower() in _EXAMPLES for path in _shown(inner))
    )
    if not below:
        return ""
    return f"; they lie in its folders {', '.join(below[:3])}: name one of them"


def _shown(folder: Path) -> Iterator[Path]:
    """What lies in a folder, without hidden files: macOS writes `._1.png` beside `1.png` on disks of others."""
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _refused(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=_FOLDER)
