"""Server-sent events are read by their own rules, however the network cuts them."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from farm.client.live import Message, read_messages

LINES = b': hello\n\nretry: 2000\n\nevent: job\r\ndata: {"id":\r\ndata: 1}\r\n\r\ndata:x\rid: 7\r\r: bye\ndata: cut off'


def cut(content: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


@given(st.lists(st.integers(min_value=0, max_value=1000), max_size=8))
def test_where_the_network_cuts_the_bytes_changes_nothing(places: list[int]) -> None:
    assert list(read_messages(cut(LINES, places))) == [
        Message("", ""),
        Message("job", '{"id":\n1}'),
        Message("message", "x", "7"),
        Message("", ""),
    ]


@given(st.text(), st.lists(st.integers(min_value=0, max_value=1000), max_size=8))
def test_any_text_comes_through_whole(text: str, places: list[int]) -> None:
    written = f"event: step\ndata: {json.dumps(text, ensure_ascii=False)}\n\n".encode(errors="surrogatepass")

    [message] = read_messages(cut(written, places))

    if not any("\ud800" <= sign <= "\udfff" for sign in text):
        assert json.loads(message.data) == text


def test_a_line_separator_inside_json_is_no_end_of_a_line() -> None:
    assert list(read_messages(['data: "a\u2028b\x85c"\n\n'.encode()])) == [Message("message", '"a\u2028b\x85c"')]


def test_an_id_that_no_header_can_hold_is_not_kept() -> None:
    assert list(read_messages(["id: é\ndata: 1\n\nid: a\x00b\ndata: 2\n\n".encode()])) == [
        Message("message", "1"),
        Message("message", "2"),
    ]
