"""Signing in by a link or a password, and signing out.

A sign-in link only shows a button: what fetches links ahead of people (mail scanners, previews) must not use it up.
"""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard import auth
from dashboard.context import farm, now, password_work
from dashboard.http.sign_in_rate_limit import throttle
from farm import accounts

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
def ask() -> ResponseReturnValue:
    """The form for name and password."""
    return render_template("sign_in.html", next=auth.safe_next(request.args.get("next")), refused=False)


@blueprint.post("/sign-in")
def by_password() -> ResponseReturnValue:
    """Check name and password."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    where = auth.safe_next(request.form.get("next"))
    throttle().try_once(name, request.remote_addr or "")
    who = accounts.authenticate_password(farm().engine, name, password, cpu_work=password_work())
    if who is None:
        accounts.note_refused(farm().engine, now(), name=name)
        return render_template("sign_in.html", next=where, refused=True, name=name), 401
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
