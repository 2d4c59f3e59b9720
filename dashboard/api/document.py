"""The API's OpenAPI document. Only who asks for it pays for it: a start of the dashboard does without."""

import json
from functools import cache
from importlib.metadata import version
from typing import Any

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from dashboard.api.blueprint import describe_blueprint
from dashboard.api.webhook_openapi import describe_sent_events
from dashboard.schemas import Problem

#: How a request says who sends it, as the OpenAPI document describes it.
_SECURITY: dict[str, Any] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "lf_…",
        "description": "A key of a project, made with `farm keys create`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "latent_farm",
        "description": "A browser's session. Requests that change something also send the page's X-CSRF-Token.",
    },
}


@cache
def openapi_document() -> bytes:
    """The OpenAPI 3.1 document as JSON; made at the first call, which takes half a second of a core."""
    described = OpenAPI(
        "document",
        info=Info(
            title="Latent Farm",
            version=version("latent-farm"),
            description="Submit pictures and clips, watch them being rendered, fetch them.",
        ),
        security_schemes=_SECURITY,
        doc_ui=False,
        validation_error_model=Problem,
        static_folder=None,
    )
    blueprint = describe_blueprint()
    described.openapi_extensions = {"webhooks": describe_sent_events(blueprint)}
    described.register_api(blueprint)
    return json.dumps(described.api_doc, sort_keys=True).encode()
