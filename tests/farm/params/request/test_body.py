"""Request bodies: read strictly, refused with a place and what to do."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farm.errors import BadJson, FarmError, TooLarge
from farm.params import parse_json_body
from farm.problems import problem

LIMIT = 1_000_000


def fault_of(raw: bytes) -> str:
    """The only fault of a body, which is answered with 400."""
    with pytest.raises(BadJson) as refused:
        parse_json_body(raw, LIMIT)
    assert problem(refused.value, "/api/v1/jobs")["status"] == 400
    (fault,) = refused.value.faults
    return str(fault)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "the body is empty; send a JSON object"),
        (b" \n", "the body is empty"),
        (b"{'a': 1}", "the body is not JSON: Expecting property name enclosed in double quotes in line 1, column 2"),
        (b'{"a": 1,}', "the body is not JSON"),
        (b"\xff{}", "the body is not UTF-8 text (byte 0); encode it as UTF-8"),
        (b'{"a": 1, "a": 2}', "the key 'a' is given twice in one object; keep one"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": [Infinity]}', "Infinity is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": 1e999}', "the number '1e999' is too large"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "a number has 5,000 digits; at most 40 are read"),
        (b"[" * 50_000, "the body is nested more than 20 levels deep"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "the body is nested more than 20 levels deep"),
        (b"[" * 500_000, "the body has 500,000 lists and objects; at most 50,000 are read"),
        (b'{"prompt": ["a", "\\ud83d"]}', "/prompt/1: holds half of a character (lone surrogate) in '\\ud83d'"),
        (b'{"a": {"\\udc00": 1}}', "/a: holds half of a character"),
    ],
    ids=lambda value: None,
)
def test_a_body_that_is_not_plain_json_is_refused_with_the_reason(raw: bytes, said: str) -> None:
    assert said in fault_of(raw)


def test_too_many_bytes_are_refused_before_they_are_looked_at() -> None:
    with pytest.raises(TooLarge, match=r"the body has 1,000,001 bytes and this farm accepts 1,000,000"):
        parse_json_body(b"[" * (LIMIT + 1), LIMIT)


def test_brackets_in_texts_are_no_nesting_and_escapes_are_read() -> None:
    text = '[[[[{{{{"\\' * 100 + "😀"
    assert parse_json_body(json.dumps({"prompt": text}).encode(), LIMIT) == {"prompt": text}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
        max_leaves=10,
    )
)
def test_plain_json_is_read_as_it_is(value: object) -> None:
    assert parse_json_body(json.dumps(value).encode(), LIMIT) == value


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\ue1-N', max_size=200).map(str.encode))
@example(b'"' + b'\\"' * 400_000)  # a text that never ends: a careless scan takes minutes
def test_no_body_gives_anything_but_a_value_or_a_refusal(raw: bytes) -> None:
    try:
        parse_json_body(raw, LIMIT)
    except FarmError as refused:
        status = refused.status
    else:
        status = 200
    assert status in (200, 400)
