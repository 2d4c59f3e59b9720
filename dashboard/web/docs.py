"""The API's description, its reference page, and a page for each kind of problem. Open to everybody.

The reference page is Scalar's, from its Python package: nothing is loaded from other sites.
"""

from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path

from flask import Blueprint, Response, g, render_template, send_file
from flask.typing import ResponseReturnValue

from dashboard.api.document import openapi_document
from dashboard.context import farm
from farm.errors import FarmError, NotFound
from farm.problems import every_error

blueprint = Blueprint("docs", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document."""
    return Response(farm().cpu_work(openapi_document), content_type="application/json")


@blueprint.get("/docs")
def reference() -> str:
    """The reference of the API, to read and to try."""
    g.docs_page = True  # its styles: see dashboard.http.headers
    return render_template("docs.html")


@blueprint.get("/docs/reference.js")
def asset() -> Response:
    """The program of the reference page."""
    package = find_spec("flask_openapi3_scalar")
    if package is None or package.origin is None:
        raise NotFound("The reference page is not installed: pip install 'flask-openapi3[scalar]'.")
    script = Path(package.origin).parent / "templates/scalar/js/scalar.standalone.js"
    return send_file(script, mimetype="text/javascript", max_age=86_400, conditional=True)


@blueprint.get("/problems/<kind>")
def problem_type(kind: str) -> ResponseReturnValue:
    """What one kind of problem means and what to do."""
    error = _find(kind)
    meaning = " ".join(cleandoc(error.__doc__ or "").split())
    return render_template("problem_type.html", error=error, meaning=meaning, others=every_error())


def _find(kind: str) -> type[FarmError]:
    for error in every_error():
        if error.type == kind:
            return error
    raise NotFound("There is no such kind of problem.")
