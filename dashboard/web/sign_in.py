"""Signing in by a link or a password, and signing out.

A sign-in link only shows a button: what fetches links ahead of people (mail scanners, previews) must not use it up.
"""

from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard import auth
from dashboard.context import farm, now, password_work
from dashboard.http.sign_in_rate_limit import throttle
from farm import accounts
from farm.errors import Forbidden
from farm.sentences import sentence

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
def ask() -> ResponseReturnValue:
    """The form for name and password."""
    return show_form(auth.safe_next(request.args.get("next")))


def show_form(where: str, status: int = 200, **values: Any) -> ResponseReturnValue:
    """The page to sign in on: the button of the sign-in service, and the form where passwords count."""
    settings = farm().settings
    service = settings.oidc_label if settings.oidc_issuer else None
    page = render_template("sign_in.html", next=where, service=service, local=settings.local_sign_in, **values)
    return page, status


@blueprint.post("/sign-in")
def by_password() -> ResponseReturnValue:
    """Check name and password."""
    if not farm().settings.local_sign_in:
        raise Forbidden(sentence("Passwords do not count on this farm; sign in by its sign-in service."))
    name, password = request.form.get("name", ""), request.form.get("password", "")
    where = auth.safe_next(request.form.get("next"))
    throttle().try_once(name, request.remote_addr or "")
    who = accounts.authenticate_password(farm().engine, name, password, cpu_work=password_work())
    if who is None:
        accounts.note_refused(farm().engine, now(), name=name)
        return show_form(where, 401, refused=True, name=name)
    throttle().succeeded(name)
    auth.sign_in(who, "password")
    return redirect(where, 303)


@blueprint.get("/sign-in/<secret>")
def show_link(secret: str) -> ResponseReturnValue:
    """The button of a sign-in link."""
    return render_template("sign_in_link.html", secret=secret, refused=False)


@blueprint.post("/sign-in/<secret>")
def by_link(secret: str) -> ResponseReturnValue:
    """Use up a sign-in link."""
    who = accounts.redeem(farm().engine, secret, now())
    if who is None:
        accounts.note_refused(farm().engine, now(), link=secret)
        return render_template("sign_in_link.html", secret=secret, refused=True), 401
    auth.sign_in(who, "link")
    return redirect(auth.safe_next(None), 303)


@blueprint.post("/sign-out")
def leave() -> ResponseReturnValue:
    """End the session."""
    auth.sign_out()
    return redirect("/sign-in", 303)
