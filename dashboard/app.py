"""The dashboard's application: the HTTP API, the pages, and what guards both."""

from flask_openapi3.openapi import OpenAPI
from pydantic import ValidationError

from dashboard import auth, oidc, problems, request_ids
from dashboard.api import versions
from dashboard.api.blueprint import make_blueprint
from dashboard.context import CONNECTIONS, PASSWORDS
from dashboard.http import (
    headers,
    limits,
    rate_limits,
    request_log,
    request_metrics,
    share_link_rate_limit,
    sign_in_rate_limit,
)
from dashboard.live_updates import PUMP, Pump
from dashboard.openai.blueprint import make_blueprint as make_openai_blueprint
from dashboard.readiness import READINESS, Readiness
from dashboard.sessions import FarmSessions
from dashboard.verification import comparison
from dashboard.web.pages import register as register_pages
from dashboard.web.static_files import FOLDER, static_path
from farm.connections import Connections
from farm.cpu_work import CpuWork, right_here

_STATIC_SECONDS = 31_536_000  # a year: their addresses change with their contents


def create_app(connections: Connections | None = None, passwords: CpuWork = right_here) -> OpenAPI:
    """The application over these connections, or over those that the settings name.

    `passwords`: where they are hashed. Nothing is contacted before the first request.

    Raises SettingsError or CatalogError.
    """
    connections = connections or Connections.open()
    app = OpenAPI(
        "dashboard",
        doc_ui=False,  # dashboard.api.document is made when somebody asks for it, dashboard.web.docs has the page
        validation_error_callback=_refuse,
        static_folder=str(FOLDER),
        static_url_path=static_path(),
        template_folder="web/templates",
    )
    app.config.update(SEND_FILE_MAX_AGE_DEFAULT=_STATIC_SECONDS)
    app.session_interface = FarmSessions(connections.clock)
    app.extensions[CONNECTIONS] = connections
    app.extensions[PASSWORDS] = passwords
    app.extensions[PUMP] = Pump(connections)
    app.extensions[READINESS] = Readiness(connections)
    request_ids.register(app)
    request_metrics.register(app)
    request_log.register(app, connections.settings)
    headers.register(app, connections)  # before all else that looks: a wrong host learns nothing
    limits.register(app, connections.settings)
    sign_in_rate_limit.register(app, connections.settings)
    share_link_rate_limit.register(app, connections.settings)
    rate_limits.register(app, connections.settings)
    auth.register(app, connections.settings)
    oidc.register(app, connections.settings)
    versions.register(app)
    comparison.register(app, connections)
    problems.register(app)
    app.register_api(make_blueprint())
    app.register_blueprint(make_openai_blueprint())
    register_pages(app)
    return app


def _refuse(error: ValidationError) -> None:
    """Called by flask-openapi3 when a model does not accept a part of the request."""
    places = {"Query": "/query", "Header": "/header", "Path": "/path"}
    place = next((place for suffix, place in places.items() if error.title.endswith(suffix)), "")
    raise problems.from_validation(error, place)
