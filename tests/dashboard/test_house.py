"""Promises of the whole house: everything is closed, described and explained."""

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel
from werkzeug.routing import Rule

import dashboard
from dashboard.api.blueprint import describe_blueprint, make_blueprint
from dashboard.openai_errors import is_here as is_openai
from dashboard.permissions import PUBLIC
from dashboard.schemas import Submitted
from farm.problems import every_error
from tests.dashboard.conftest import House

WEB = Path(dashboard.__file__).parent / "web"
SOME_ID = "01a20936-152b-75ce-80a1-dcf6f4b2b4a5"


def _routes(house: House) -> list[Rule]:
    return list(house.app.url_map.iter_rules())


def _address(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?\w+>", SOME_ID, rule.rule)


def _methods(rule: Rule) -> set[str]:
    return (rule.methods or set()) - {"HEAD", "OPTIONS"}


def test_every_address_needs_a_key_or_a_session_unless_it_is_listed_as_public(house: House) -> None:
    for rule in _routes(house):
        for method in _methods(rule):
            answer = house.client.open(_address(rule), method=method, buffered=True)
            if rule.endpoint in PUBLIC:
                # Open, but a form without its token still gets nowhere, and this house has no storage to be ready with.
                unready = rule.rule == "/readyz" and answer.status_code == 503
                assert unready or answer.status_code in (200, 403, 404), rule
            else:
                assert answer.status_code == 401, rule
                theirs = is_openai(rule.rule)
                assert answer.content_type == ("application/json" if theirs else "application/problem+json")


def test_the_list_of_public_addresses_names_only_addresses_that_exist(house: House) -> None:
    assert {rule.endpoint for rule in _routes(house)} >= PUBLIC
    assert not any(endpoint.startswith("api.") for endpoint in PUBLIC)


def test_the_openapi_document_is_valid_and_names_every_endpoint(house: House) -> None:
    document: dict[str, Any] = house.client.get("/openapi.json").json
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in _routes(house)
        if rule.rule.startswith("/api/")
        for method in _methods(rule)
    }
    assert described == served
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["security"] == [{"key": []}, {"session": []}]
            assert "application/problem+json" in operation["responses"]["422"]["content"]


def test_a_start_describes_nothing_that_only_the_openapi_document_says(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[type[BaseModel]] = []
    describe = BaseModel.model_json_schema.__func__  # type: ignore[attr-defined]

    def note(model: type[BaseModel], *given: Any, **named: Any) -> dict[str, Any]:
        made.append(model)
        found: dict[str, Any] = describe(model, *given, **named)
        return found

    monkeypatch.setattr(BaseModel, "model_json_schema", classmethod(note))
    make_blueprint.__wrapped__()
    assert made == []
    describe_blueprint()
    assert Submitted in made


def test_no_part_of_an_answer_is_named_as_another_component_is(house: House) -> None:
    # Generators call an object inside a component by the component's name and its own title.
    components: dict[str, Any] = house.client.get("/openapi.json").json["components"]["schemas"]
    for name, component in components.items():
        for part in component.get("properties", {}).values():
            if part.get("type") == "object":
                assert name + "".join(part["title"].split()) not in components, name


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.type)
def test_every_kind_of_problem_has_a_page(house: House, error: Any) -> None:
    page = house.client.get(f"/problems/{error.type}")
    assert page.status_code == 200
    assert error.title in page.get_data(as_text=True)


def test_kinds_of_problems_are_told_apart_by_their_type() -> None:
    types = [error.type for error in every_error()]
    assert len(types) == len(set(types))


def test_pages_bring_no_script_or_style_of_their_own_and_load_nothing_from_other_sites() -> None:
    for template in (WEB / "templates").glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\b(src|data-url)=)", text), template
        assert not re.search(r"\s(style|on\w+)=", text), template
        assert "http://" not in text, template
        assert "https://" not in text, template
    for file in (WEB / "static").iterdir():
        assert "//" not in re.sub(r"//\s|http://www.w3.org/2000/svg", "", file.read_text()), file
