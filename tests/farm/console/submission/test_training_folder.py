"""What people keep for training is read, or refused by the file that is wrong and with what to do."""

from pathlib import Path

import pytest
import typer

from farm.console.submission.training_folder import read_training_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With one picture in it, and one beside it."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in (pictures / "1.png", tmp_path / "private.png"):
        path.write_bytes(b"a picture")
    return pictures


def refused(folder: Path) -> str:
    with pytest.raises(typer.BadParameter) as error:
        read_training_folder(folder)
    return error.value.message


def test_captions_in_chinese_are_read_with_and_without_a_mark(folder: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        (folder / "1.txt").write_text("红色的十字\n", encoding=encoding)
        assert read_training_folder(folder) == {folder / "1.png": "红色的十字"}


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
@pytest.mark.parametrize(("name", "text"), [("1.txt", "红色的十字"), ("metadata.jsonl", '{"text": "红"}')])
def test_a_text_in_another_encoding_is_refused_by_its_name(folder: Path, encoding: str, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding=encoding)
    assert refused(folder).startswith(f"{folder / name} is not UTF-8 text")


@pytest.mark.parametrize("named", ["../private.png", "PRIVATE"])
def test_a_table_names_no_file_outside_of_its_folder(folder: Path, named: str) -> None:
    path = str(folder.parent / "private.png") if named == "PRIVATE" else named
    (folder / "metadata.jsonl").write_text(f'{{"file_name": "{path}", "text": "a cross"}}')
    assert refused(folder).endswith(f"line 1: {path} does not lie in {folder}")


def test_a_table_may_name_files_of_folders_inside(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "2.png").write_bytes(b"a picture")
    (folder / "metadata.jsonl").write_text('{"file_name": "more/2.png", "text": "a cross"}')
    assert read_training_folder(folder) == {folder / "more" / "2.png": "a cross"}


def test_a_caption_may_hold_any_character_that_json_holds(folder: Path) -> None:
    caption = "a cross\u2028on\u0085blue"
    (folder / "metadata.jsonl").write_text(f'{{"file_name": "1.png", "text": "{caption}"}}\r\n', encoding="utf-8")
    assert read_training_folder(folder) == {folder / "1.png": caption}


def test_what_a_mac_leaves_beside_pictures_is_no_picture(folder: Path) -> None:
    (folder / "1.txt").write_text("a cross")
    for name in ("._1.png", "._1.txt", ".DS_Store"):
        (folder / name).write_bytes(b"\0\5\x16\7")
    assert read_training_folder(folder) == {folder / "1.png": "a cross"}


def test_a_caption_whose_picture_cannot_be_read_is_refused_by_the_pictures_name(folder: Path) -> None:
    for name in ("1.txt", "2.txt"):
        (folder / name).write_text("a cross")
    (folder / "2.bmp").write_bytes(b"a picture")
    assert refused(folder) == (
        "2.bmp is none of .png, .jpg, .jpeg, .webp, .avif, .mp4, .webm, .mov, .mkv: convert it, or remove its caption"
    )


def test_a_text_that_is_no_caption_stays_out_of_the_way(folder: Path) -> None:
    (folder / "1.txt").write_text("a cross")
    (folder / "README.txt").write_text("where these are from")
    assert read_training_folder(folder) == {folder / "1.png": "a cross"}


def test_the_folder_above_kohyas_is_told_where_the_pictures_lie(folder: Path) -> None:
    (folder / "1.png").unlink()
    for name in ("10_cross", "5_fox"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(b"a picture")
    assert refused(folder) == (
        f"{folder} holds no picture (.png, .jpg, .jpeg, .webp, .avif) and no clip (.mp4, .webm, .mov, .mkv); they lie "
        "in its folders 10_cross, 5_fox: name one of them"
    )


def test_a_picture_that_a_table_names_twice_is_refused(folder: Path) -> None:
    rows = '{"file_name": "1.png", "text": "a cross"}\n{"file_name": "./1.png", "text": "a red cross"}\n'
    (folder / "metadata.jsonl").write_text(rows)
    assert refused(folder) == (
        f"{folder / 'metadata.jsonl'}, line 2: ./1.png has a caption already; another one wants a copy of the file"
    )


def test_clips_with_captions_are_read_as_pictures_are(folder: Path) -> None:
    (folder / "1.png").unlink()
    (folder / "run.MP4").write_bytes(b"a clip")
    (folder / "run.txt").write_text("a fox runs")
    assert read_training_folder(folder) == {folder / "run.MP4": "a fox runs"}
    (folder / "old.avi").write_bytes(b"a clip")
    (folder / "old.txt").write_text("a fox sleeps")
    assert refused(folder).startswith("old.avi is none of ")
