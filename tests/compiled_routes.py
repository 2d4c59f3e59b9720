"""Each test makes a dashboard of its own; what Werkzeug has compiled for one's routes serves those of all.

Werkzeug compiles two functions for each route, which is most of what a new application costs. They depend on the route
alone: its converters are reached through the rule that calls them.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.routing.rules import Rule


@pytest.fixture(scope="session", autouse=True)
def _routes_are_compiled_once() -> Iterator[None]:
    compile_builder = Rule._compile_builder
    compiled: dict[Any, Callable[..., tuple[str, str]]] = {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (rule.rule, tuple(rule._trace), append_unknown, repr(rule.defaults))
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        yield
