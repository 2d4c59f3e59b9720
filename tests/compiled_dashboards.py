"""Each test makes a dashboard of its own; what is compiled for the routes and pages of one serves those of all.

Werkzeug compiles two functions for each route, which is most of what a new application costs; they depend on the route
alone, as its converters are reached through the rule that calls them. Jinja compiles each page anew for each
application; what it makes depends on the page's text, as all applications of the farm have the same extensions.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jinja2 import Environment
from werkzeug.routing.rules import Rule


@pytest.fixture(scope="session", autouse=True)
def _routes_and_pages_are_compiled_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", _compile_routes_once())
        patch.setattr(Environment, "compile", _compile_pages_once())
        yield


def _compile_routes_once() -> Callable[..., Any]:
    compile_builder, compiled = Rule._compile_builder, {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (rule.rule, tuple(rule._trace), append_unknown, repr(rule.defaults))
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    return compile_once


def _compile_pages_once() -> Callable[..., Any]:
    compile_page, compiled = Environment.compile, {}

    def compile_once(environment: Environment, source: Any, *named: Any, **options: Any) -> Any:
        kind = (environment.trim_blocks, environment.lstrip_blocks, bool(environment.autoescape))
        key = (source, named, tuple(sorted(options.items())), kind, tuple(environment.extensions))
        if key not in compiled:
            compiled[key] = compile_page(environment, source, *named, **options)
        return compiled[key]

    return compile_once
