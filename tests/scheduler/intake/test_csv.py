"""CSV: streams, `rows` of a request and Python's own reader agree on every cell, whoever wrote the file."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import pandas
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from farm.connections import Connections
from farm.csv_records import CsvDialect, CsvReader
from farm.database import read, write
from farm.errors import InvalidRequest
from farm.params.request.submission import read_request
from farm.params.request.templates import Templates
from farm.quota_errors import QuotaExceeded
from farm.stream_errors import StreamFault
from farm.tables import Event, IdempotencyKey, Intake, Job, Project
from scheduler.intake.records import read_cells
from scheduler.intake.split_records import CSV, Framer, Record
from tests.scheduler.streams import begin, job, prompts, renders, send

#: What separates, quotes, escapes and ends lines, and what stands for all other text.
CELLS = st.text("ab\"',;\t| \\\r\n\u2028ü\x85", max_size=6)
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

DIALECTS: list[dict[str, Any]] = [
    {},  # excel
    {"delimiter": "\t"},  # excel-tab
    {"quoting": csv.QUOTE_ALL, "lineterminator": "\n"},  # unix
    {"delimiter": ";"},
    {"delimiter": "|", "lineterminator": "\r"},
    {"quotechar": "'"},
    {"quotechar": "'", "delimiter": ";", "quoting": csv.QUOTE_ALL},
    {"escapechar": "\\", "doublequote": False},
    {"escapechar": "\\", "quoting": csv.QUOTE_NONE, "quotechar": None},
    {"delimiter": ":", "skipinitialspace": True, "quoting": csv.QUOTE_NONNUMERIC},
]


def framed(data: bytes, cut: int, dialect: CsvDialect | None = None, *, parts: bool = False) -> list[Record]:
    """The records of a stream that comes in two pieces, or in two requests."""
    framer = Framer(CSV, 0, 1_000_000, dialect)
    if not parts:
        return list(framer.records([data[:cut], data[cut:]]))
    first = list(framer.records([data[:cut]], more=True))
    at, lines = sum(len(record.raw) for record in first), sum(record.lines for record in first)
    rest = Framer(CSV, lines, 1_000_000, dialect, framer.delimiter)
    return first + list(rest.records([data[at:]]))


def told(options: dict[str, Any]) -> CsvDialect:
    """What a user says of a dialect that its first line does not show."""
    names = CsvDialect.model_fields.keys() & options.keys()
    return CsvDialect(**{name: options[name] for name in names})


def by_python(options: dict[str, Any], rows: list[tuple[str, ...]]) -> str:
    """A table as `csv.writer` writes it. Raises csv.Error for what the dialect cannot say."""
    file = io.StringIO(newline="")
    csv.writer(file, **options).writerows([("prompt", "colour", "animal"), *rows])
    return file.getvalue()


def by_pandas(options: dict[str, Any], rows: list[tuple[str, ...]]) -> str:
    """The same as pandas writes it: each row behind its number, a cell without text as one that is missing."""
    frame = pandas.DataFrame(rows, columns=["prompt", "colour", "animal"]).replace("", None)
    renamed = {"delimiter": "sep"}
    given = {renamed.get(name, name): value for name, value in options.items() if value is not None}
    written: str = frame.to_csv(None, **given)
    return written


@pytest.mark.parametrize(
    ("written", "dialects"),
    [
        (by_python, DIALECTS),
        (by_pandas, [one for one in DIALECTS if "skipinitialspace" not in one]),
    ],  # it has no such option
)
@settings(max_examples=60)
@given(st.data(), st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=3))
def test_whatever_a_writer_writes_is_read_as_pythons_reader_reads_it_wherever_it_is_cut(
    written: Callable[..., str], dialects: list[dict[str, Any]], data: st.DataObject, rows: list[tuple[str, ...]]
) -> None:
    options = data.draw(st.sampled_from(dialects))
    try:
        text = written(options, rows)
    except csv.Error:
        assume(False)
    reading = {name: value for name, value in options.items() if name not in ("quoting", "lineterminator")}
    if options.get("quoting") == csv.QUOTE_NONE:
        reading["quoting"] = csv.QUOTE_NONE
    wanted = list(csv.reader(io.StringIO(text, newline=""), strict=True, **reading))

    raw = text.encode()
    assert [record.cells for record in CsvReader(io.StringIO(text, newline=""), told(options))] == wanted
    wanted = [cells for cells in wanted if cells]
    for cut in range(len(raw) + 1):
        for parts in (False, True):
            records = framed(raw, cut, told(options), parts=parts)
            assert [record.cells for record in records if record.cells] == wanted
            assert b"".join(record.raw for record in records) == raw


@given(st.text('ab", \n', max_size=30))
@example('a 12" square,1\na 7" star,2\n')
@example('"big" dog,1\nb,2\n')
@example('"big dog,1\na "small" cat,2\n')
def test_text_with_stray_marks_is_read_as_pythons_reader_reads_it_or_refused_and_no_row_vanishes(text: str) -> None:
    raw = ("prompt,seed\n" + text).encode()
    records = framed(raw, len(raw) // 2)
    if any(record.fault for record in records):
        return
    wanted = list(csv.reader(io.StringIO("prompt,seed\n" + text, newline="")))
    assert [record.cells for record in records] == wanted
    # A record that has more than its line is one in which a quoted cell says so.
    assert all(record.lines == 1 or any("\n" in cell for cell in record.cells or ()) for record in records)


def tables(text: str, dialect: dict[str, Any] | None = None) -> list[str]:
    """The prompts of `rows`."""
    request, faults = read_request({"model": "m", "prompt": "{prompt}", "rows": text, "csv_dialect": dialect})
    assert request is not None
    templates = Templates(request)
    if faults or templates.faults:
        raise InvalidRequest([*faults, *templates.faults])
    return [filled.text for filled in templates.fill(100_000)]


FILES: list[tuple[str, bytes, list[tuple[str, int | None]]]] = [
    (
        "inch marks that nobody quoted",
        b'prompt,seed\na red circle,1\na 12" white square,2\na 7" green star,3\na blue circle,4\n',
        [("a red circle", 1), ('a 12" white square', 2), ('a 7" green star', 3), ("a blue circle", 4)],
    ),
    ("semicolons", b"prompt;seed\na circle, small;1\na star;2\n", [("a circle, small", 1), ("a star", 2)]),
    ("tabs", b"prompt\tseed\r\na red circle, small\t1\r\n", [("a red circle, small", 1)]),
    ("a line that names the separator", b"sep=;\r\nprompt;seed\r\na;1\r\n", [("a", 1)]),
    ("line ends of old", b"prompt,seed\ra,1\rb,2\r", [("a", 1), ("b", 2)]),
    ("trailing empty columns", b"prompt,seed,,\r\na red circle,7,,\r\nb,8\r\n", [("a red circle", 7), ("b", 8)]),
    (
        "a mark at the front, a quoted line end, an empty row",
        b'\xef\xbb\xbfprompt,seed\r\n"a red circle,\r\non blue",7\r\n,\r\n"a ""big"" circle",9\r\n',
        [("a red circle,\r\non blue", 7), ('a "big" circle', 9)],
    ),
    ("whole numbers with a fraction", b"prompt,seed\na,77.0\nb,\n", [("a", 77), ("b", None)]),
    ("decimal commas", b"prompt;seed;guidance_scale\na;77,0;3,5\n", [("a", 77)]),
    ("the index that pandas writes", b",prompt,seed\n0,a red circle,1.0\n1,b,\n", [("a red circle", 1), ("b", None)]),
    ("marks of joined files", b"\xef\xbb\xbfprompt,seed\n\xef\xbb\xbf\"a, b\",1\n", [("a, b", 1)]),
]  # fmt: skip


@SQLITE
@pytest.mark.parametrize(("data", "wanted"), [file[1:] for file in FILES], ids=[file[0] for file in FILES])
def test_files_of_spreadsheets_and_programs_are_read_row_by_row(
    connections: Connections, project: str, data: bytes, wanted: Sequence[tuple[str, int | None]]
) -> None:
    taken = send(connections, project, data, form="csv")

    found = [render["parameters"] for render in renders(connections)]
    assert [one["prompt"] for one in found] == [prompt for prompt, _ in wanted]
    assert all(seed in (None, one["seed"]) for one, (_, seed) in zip(found, wanted, strict=True))
    assert taken.position.rows == len(wanted)
    assert tables(data.decode()) == [prompt for prompt, _ in wanted]


@SQLITE
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"prompt,seed\na,one\n", "whole number"),
        (b"promt\na\n", "unknown column"),
        (b"prompt,seed\na,1.23457E+09\n", "rounded off"),
        (b"prompt,seed\na, b,1\n", "has 3 cells for 2 columns; quote a cell that holds the separator"),
        (b"prompt,,seed\na,lost,\n", "has text in column 2, which has no name"),
        (b'prompt,seed\n"big dog,1\na "small" cat,2\n', "runs over a line end"),
        (b'prompt\n"a\nb\n', "not closed"),
        (b"prompt\nna\xefve\n", "CSV UTF-8"),
        ("prompt\na\n".encode("utf-16"), "CSV UTF-8"),
        (b"prompt\n" + b"x" * 140_000 + b"\n", "more than 131,072 characters"),
        (b"prompt\n" + b"x" * 1_000_001 + b"\n", "at most 1,000,000 bytes"),
        (b"", "no row"),
    ],
)  # fmt: skip
def test_a_refused_file_is_told_by_its_cause_and_leaves_no_job_behind(
    connections: Connections, project: str, data: bytes, reason: str
) -> None:
    with pytest.raises(StreamFault) as refused:
        send(connections, project, data, form="csv")

    assert reason in str(refused.value)
    assert "no job was made" in str(refused.value)
    with read(connections.engine) as connection:
        for table in (Job, Intake, Event, IdempotencyKey):
            assert connection.scalar(select(func.count()).select_from(table)) == 0

    send(connections, project, b"prompt\na red circle\n", form="csv")  # under the same key
    assert prompts(connections) == ["a red circle"]


@SQLITE
def test_a_quota_that_is_used_up_leaves_no_empty_job_behind(connections: Connections, project: str) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(Project).values(max_pending=1))
    with pytest.raises(QuotaExceeded):
        send(connections, project, b"prompt\na\nb\n", form="csv")

    with read(connections.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(Job)) == 0


@SQLITE
def test_a_refused_part_keeps_what_other_parts_brought_and_one_too_long_says_where_to_go_on(
    connections: Connections, project: str
) -> None:
    data = b"prompt\na\nb\n"
    with pytest.raises(StreamFault) as refused:
        send(connections, project, data + b"x" * 1_000_001, form="csv")

    assert refused.value.members["next_byte"] == len(data)
    assert prompts(connections) == ["a", "b"]
    assert job(connections).status == "admitting"


@SQLITE
def test_marks_that_are_read_as_quoting_are_told(connections: Connections, project: str) -> None:
    taken = send(connections, project, b'prompt,seed\n"big" dog,1\n', form="csv")

    assert prompts(connections) == ["big dog"]
    assert taken.notices[0].startswith("/lines/2: text follows the closing quotation mark")


@SQLITE
def test_a_dialect_that_no_first_line_shows_is_told_with_the_request(connections: Connections, project: str) -> None:
    told = {"delimiter": ":", "quotechar": "'", "escapechar": "\\", "doublequote": False}
    send(connections, project, b"prompt:seed\n'a: \\'b\\'':1\n", form="csv", defaults={"csv_dialect": told})

    assert prompts(connections) == ["a: 'b'"]
    with pytest.raises(InvalidRequest):
        begin(connections, project, key="other", form="csv", csv_dialect={"delimiter": "::"})


def test_numbers_keep_all_their_digits() -> None:
    assert read_cells(["a", "9007199254740993.0"], ["prompt", "seed"])["seed"] == 9007199254740993
    assert read_cells(["a", "1,000"], ["prompt", "seed"])["seed"] == "1,000"  # refused: one, or a thousand?


@SQLITE
@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("csv", "\ufeffprompt,negative_prompt\na red circle,blue\n\ufeffa star,\ufeffgreen\n"),
        ("jsonl", '\ufeff{"prompt": "a red circle", "negative_prompt": "blue"}\n'
                  '\ufeff{"prompt": "\ufeffa star", "negative_prompt": "\\ufeffgreen"}\n'),
    ],
)  # fmt: skip
def test_no_byte_order_mark_becomes_part_of_a_prompt(
    connections: Connections, project: str, form: str, data: str
) -> None:
    send(connections, project, data.encode(), form=form)

    found = [render["parameters"] for render in renders(connections)]
    assert [(one["prompt"], one["negative_prompt"]) for one in found] == [("a red circle", "blue"), ("a star", "green")]
