"""The switch at the foot of every page: it remembers the language that a person chooses."""

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from dashboard import auth
from dashboard.translations.catalogs import locales
from dashboard.translations.choice import COOKIE
from farm.errors import Fault, InvalidRequest
from farm.sentences import sentence

blueprint = Blueprint("language", __name__)

_YEAR = 31_536_000  # seconds


@blueprint.post("/language")
def choose() -> ResponseReturnValue:
    """Remember a language in this browser, and go back to the page.

    Open to everybody, as the page to sign in has the switch too. Raises InvalidRequest.
    """
    tag = request.form.get("language", "")
    if tag not in locales():
        told = sentence("must be one of %(known)s; seen %(seen)s", known=", ".join(locales()), seen=repr(tag[:40]))
        raise InvalidRequest([Fault("/language", told)])
    answer = redirect(auth.safe_next(request.form.get("next")), 303)
    answer.set_cookie(COOKIE, tag, max_age=_YEAR, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer
