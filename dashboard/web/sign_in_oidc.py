"""Signing in by an OpenID Connect provider: to it, and back from it."""

import structlog
from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from dashboard import auth
from dashboard.context import farm, now
from dashboard.oidc import client, identity_of, read_claims
from dashboard.translations.said import gettext, word
from dashboard.web.sign_in import show_form
from farm import accounts
from farm.accounts.identities import admit_identity
from farm.errors import Conflict, Forbidden

blueprint = Blueprint("sign_in_oidc", __name__)
log = structlog.get_logger(__name__)

_NEXT = "oidc_next"


@blueprint.get("/sign-in/oidc")
def begin() -> ResponseReturnValue:
    """Lead to the provider."""
    provider = client()
    session[_NEXT] = auth.safe_next(request.args.get("next"))
    try:
        return provider.authorize_redirect(_callback())  # type: ignore[no-any-return]
    except Exception as error:  # whatever its network, its TLS and its JSON have in store
        log.warning("sign-in service not usable", reason=type(error).__name__)
        return _refused(gettext("The sign-in service does not answer as it should; try again in a moment."), 503)


@blueprint.get("/sign-in/oidc/callback")
def back() -> ResponseReturnValue:
    """Let in whoever comes back with the provider's word."""
    client()
    where = auth.safe_next(session.pop(_NEXT, None))
    settings = farm().settings
    try:
        claims = read_claims(settings)
    except Forbidden as error:
        return _refused(word(error.detail), error.status)
    except Exception as error:
        # Authlib, joserfc and requests have no error in common; what they say may quote tokens.
        log.warning("sign-in refused", reason=f"{type(error).__name__}: {getattr(error, 'error', '')}")
        return _refused(gettext("The sign-in service did not vouch for you; try again."), 401)
    try:
        who = admit_identity(farm().engine, identity_of(claims, settings), now())
    except (Conflict, Forbidden) as error:
        return _refused(word(error.detail), 403)
    auth.sign_in(who, "oidc")
    return redirect(where, 303)


def _callback() -> str:
    public = farm().settings.public_url
    here = url_for("sign_in_oidc.back")
    return f"{public}{here}" if public else url_for("sign_in_oidc.back", _external=True)


def _refused(text: str, status: int) -> ResponseReturnValue:
    if status != 503:
        accounts.note_refused(farm().engine, now(), by="oidc")
    return show_form(auth.safe_next(None), status, fault=text)
