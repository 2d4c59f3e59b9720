"""Whether this process is alive, and whether it can do its work. Open to everybody; says nothing else."""

from typing import cast

from flask import Blueprint, Response, current_app, jsonify, request

from dashboard.readiness import READINESS, Readiness
from farm.errors import Fault, InvalidRequest

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """200 as long as the process answers."""
    return Response("ok\n", content_type="text/plain")


@blueprint.get("/readyz")
def ready() -> Response:
    """200 when the database, Redis and the object storage answer within a second, else 503, with the state of each.

    `?parts=database,storage` asks for some of them only.
    """
    readiness = cast(Readiness, current_app.extensions[READINESS])
    asked = request.args.get("parts", ",".join(readiness.parts)).split(",")
    if unknown := [name for name in asked if name not in readiness.parts]:
        rule = f"must be of {', '.join(readiness.parts)}, with commas between them"
        raise InvalidRequest([Fault("/query/parts", f"{rule}; seen {unknown[0][:40]!r}")])
    found = readiness.look(asked)
    well = all(part.ready for part in found.values())
    answer = jsonify(
        status="ready" if well else "not ready",
        parts={name: {"state": part.state, "seconds": part.seconds} for name, part in found.items()},
    )
    answer.status_code = 200 if well else 503
    return answer
