"""Each test makes a dashboard of its own; what is compiled for the routes and pages of one serves those of all.

Werkzeug takes each route apart and compiles two functions for it, which is most of what a new application costs; what
it makes depends on the route and the kinds of converters alone, and nobody changes it afterwards. Jinja compiles each
page anew for each application; what it makes depends on the page's text, as all applications of the farm have the same
extensions.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jinja2 import Environment
from werkzeug.routing.rules import Rule


@pytest.fixture(scope="session", autouse=True)
def _routes_and_pages_are_compiled_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "compile", _compile_routes_once())
        patch.setattr(Environment, "compile", _compile_pages_once())
        yield


def _compile_routes_once() -> Callable[[Rule], None]:
    compile_rule: Callable[[Rule], None] = Rule.compile
    compiled: dict[Any, tuple[Any, ...]] = {}

    def compile_once(rule: Rule) -> None:
        assert rule.map is not None
        where = (rule.map.host_matching, rule.host, rule.subdomain, tuple(rule.map.converters.items()))
        key = (rule.rule, rule.merge_slashes, repr(rule.defaults), *where)
        if key not in compiled:
            compile_rule(rule)
            builders = (rule._build.__func__, rule._build_unknown.__func__)  # type: ignore[attr-defined]
            compiled[key] = (rule._parts, rule._trace, rule._converters, frozenset(rule.arguments), *builders)
            return
        rule._parts, rule._trace, rule._converters, arguments, build, build_unknown = compiled[key]
        rule.arguments = set(arguments)
        rule._build, rule._build_unknown = build.__get__(rule, None), build_unknown.__get__(rule, None)

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
