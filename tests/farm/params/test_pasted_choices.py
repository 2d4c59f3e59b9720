"""`{red|blue}` in prompts that people type: what is taken by chance, and what stays as it was typed."""

import pytest

from farm.params.checks.pasted_choices import take_choices


@pytest.mark.parametrize(
    "prompt",
    [
        "a {red|{blue|green}} circle",
        "a {{red|blue}} circle",
        "a {colour of {red|blue}} circle",
        r"a \{red|blue\} circle",
        "a {red|blue circle",
        "a red|blue} circle",
        "a {} circle }{ | {red}",
        '{"shape": {"colour": "red|blue"}}',
    ],
)
def test_half_of_a_choice_is_never_taken(prompt: str) -> None:
    assert take_choices([prompt]) == ([prompt], {})


@pytest.mark.parametrize(
    ("prompt", "gapped"),
    [
        ("a {red|blue} circle", "a __choice1__ circle"),
        ("{red|blue}{ red | blue }", "__choice1____choice1__"),
        ("a { {red|blue} circle", "a { __choice1__ circle"),
        ("a } {red|blue} {", "a } __choice1__ {"),
        (r"a \{ {red|blue} circle", r"a \{ __choice1__ circle"),
        ("{x {a|b}} and {red|blue}", "{x {a|b}} and __choice1__"),
    ],
)
def test_what_else_stands_in_a_prompt_keeps_no_choice_from_being_taken(prompt: str, gapped: str) -> None:
    assert take_choices([prompt]) == ([gapped], {"choice1": ["red", "blue"]})
