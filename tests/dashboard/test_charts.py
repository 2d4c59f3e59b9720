"""Charts as SVG: marks alone, in words for those who do not see them, and nothing that a page must not have."""

import re
import sys

import pytest

from dashboard.charts.svg import MOST_SERIES, Span, histogram, lines, short, stacked_bars, timeline


def test_a_chart_brings_no_style_no_script_no_id_and_no_words_of_the_library() -> None:
    for chart in (
        lines({"a": [1, None, 3], "b": [0, 0, 0]}, ["1", "2", "3"], "said"),
        stacked_bars({"a": [1, 2], "b": [3, 4]}, ["1", "2"], "said"),
        timeline([Span(30, "idle"), Span(60, "rendering")], "said"),
    ):
        assert not re.search(r"style|script|\bid=|pygal|desc|<!--", chart.lower()), chart
        assert chart.startswith('<svg xmlns="http://www.w3.org/2000/svg" class="chart"')
        assert 'role="img" aria-label="said"' in chart


def test_names_and_words_are_text() -> None:
    chart = lines({"<b>": [1, 2]}, ["<i>", "&"], '"><script>')
    assert "<b>" not in chart
    assert "<i>" not in chart
    assert "<script" not in chart


def test_each_part_of_a_timeline_has_its_state_and_its_length() -> None:
    chart = timeline([Span(30, "idle"), Span(90, "rendering"), Span(30, "idle")], "")
    assert re.findall(r'class="series state-(\w+)"', chart) == ["idle", "rendering", "idle"]
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="[\d.]+" class="rect', chart)]
    assert widths[1] == pytest.approx(3 * widths[0])


@pytest.mark.parametrize("values", [[0, 0], [None, None], [5], [1e12, 1], []])
def test_whatever_was_measured_can_be_drawn(values: list[float | None]) -> None:
    labels = [str(number) for number in range(len(values))]
    assert "<svg" in lines({"a": values}, labels, "")
    assert "<svg" in stacked_bars({"a": values}, labels, "")
    assert "<svg" in timeline([], "")


def test_more_series_than_colours_are_left_out() -> None:
    chart = lines({str(number): [1, 2] for number in range(20)}, ["1", "2"], "")
    assert len(re.findall(r"series colour-\d+", chart)) == MOST_SERIES


def test_figures_of_an_axis_are_short() -> None:
    assert [short(value) for value in (0, 0.25, 12, 340, 12_000)] == ["0", "0.25", "12", "340", "12k"]


@pytest.mark.parametrize(
    "labels", [["0.956"] * 16, [f"at {number}" for number in range(16)], ["05:30"] * 7 + ["05:31"] * 9]
)
def test_labels_are_so_few_that_they_can_be_read_also_where_many_read_alike(labels: list[str]) -> None:
    chart = histogram([1] * 16, labels, "")
    shown = [text for text in re.findall(r"<text[^>]*>([^<]+)</text>", chart) if text in labels]
    assert 1 <= len(shown) <= 5
    assert len(shown) == len(set(shown))


def test_what_has_no_label_takes_none_away_from_the_others() -> None:
    chart = histogram([1] * 16, ["1", "2", "", "4", *[""] * 3, "8", *[""] * 7, "16"], "")
    assert re.findall(r"<text[^>]*>(1|2|4|8|16)</text>", chart)[-5:] == ["1", "2", "4", "8", "16"]


def test_drawing_leaves_nothing_behind_among_pythons_finders_of_modules() -> None:
    timeline([], "")
    assert [finder for finder in sys.meta_path if not hasattr(finder, "find_spec")] == []
