"""Who asks: an API key in the header `Authorization: Bearer lf_…`, or a browser's session cookie.

Every address of the application needs one of the two, and the scope that `dashboard.permissions` names for it; a few
are public. A session also has to show the page's CSRF token when it changes something.
"""

import secrets
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, current_app, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import SQLAlchemyError

from dashboard.context import farm, now
from dashboard.http import limits, rate_limits
from dashboard.http.scrapers import may_scrape
from dashboard.openai_errors import is_here as is_openai
from dashboard.permissions import NEEDS, PUBLIC
from dashboard.problems import FormExpired
from dashboard.reads.projects import find_project
from dashboard.request_ids import request_id
from farm import accounts
from farm.accounts import Principal
from farm.audit.actor import Actor, Via, act_as
from farm.database import read
from farm.errors import Forbidden, NotFound, Unauthorized
from farm.security import Role, Scope, scopes_text
from farm.sentences import sentence
from farm.settings import Settings

log = structlog.get_logger(__name__)

csrf = CSRFProtect()


class Visitor(UserMixin):  # type: ignore[misc]  # flask-login ships no types
    """A signed-in person, as flask-login knows it."""

    def __init__(self, principal: Principal, name: str, secret: str) -> None:
        self._secret = secret
        self.principal = principal
        self.name = name

    def get_id(self) -> str:
        """What the session cookie holds: the secret of the session, which ends on the server."""
        return self._secret


def register(app: Flask, settings: Settings) -> None:
    """Guard all of `app`."""
    if settings.secret_key is None:
        log.warning("FARM_SECRET_KEY is not set: all sessions end when this process does")
    secret = settings.secret_key.get_secret_value() if settings.secret_key else secrets.token_urlsafe(32)
    app.config.update(
        SECRET_KEY=secret,
        SESSION_COOKIE_NAME="latent_farm",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=bool(settings.public_url and settings.public_url.startswith("https:")),
        PERMANENT_SESSION_LIFETIME=accounts.SESSION_SECONDS,
        WTF_CSRF_CHECK_DEFAULT=False,  # _guard decides: keys need no token
        WTF_CSRF_TIME_LIMIT=None,  # the token lives as long as the session
    )
    csrf.init_app(app)
    login = LoginManager(app)
    login.user_loader(_load)
    login.session_protection = None  # an address may change while a phone moves
    app.before_request(_guard)
    app.teardown_request(lambda _: act_as(None))


def principal() -> Principal:
    """Whom this request speaks for. Raises Unauthorized when it speaks for nobody."""
    found = g.get("principal")
    if found is None:
        raise Unauthorized()
    return cast(Principal, found)


def is_signed_in() -> bool:
    """Whether a page shows its menu: also one about an error, of an address that nobody guards."""
    if g.get("principal") is not None:
        return True
    try:
        return bool(current_user.is_authenticated)
    except SQLAlchemyError:  # what the page tells of, most likely
        return False


def still_allowed() -> Callable[[], bool]:
    """Asks whether the key or session of this request still counts: for answers that go on for minutes."""
    engine, clock = farm().engine, farm().clock
    authorization = request.headers.get("Authorization")
    secret = authorization.partition(" ")[2].strip() if authorization is not None else current_user.get_id()
    find = accounts.authenticate if authorization is not None else accounts.find_session
    return lambda: find(engine, secret, clock()) is not None


def may(scope: Scope) -> bool:
    """Whether this request may do things of this kind; False for one that speaks for nobody."""
    who: Principal | None = g.get("principal")
    return who is not None and scope in who.scopes


def sees(scope: Scope) -> bool:
    """Whether the menu leads to pages of this kind: also on one about an error, of an address that nobody guards."""
    if g.get("principal") is not None:
        return may(scope)
    return is_signed_in() and scope in current_user.principal.scopes


def only_looks() -> bool:
    """Whether this is somebody who may change nothing, so that a page shows no button that would be refused."""
    return "principal" in g and not may(Scope.SUBMIT)


def require(scope: Scope) -> None:
    """Raises Forbidden unless the request may do things of this kind."""
    who = principal()
    if scope in who.scopes:
        return
    if scope in who.role.scopes:
        allowed = scopes_text(who.scopes) or sentence("nothing any more")
        told = sentence(
            "This needs a key with the scope '%(scope)s'; this key may: %(allowed)s.", scope=scope, allowed=allowed
        )
        raise Forbidden(told)
    *others, admins = (f"{role}s" for role in Role if scope in role.scopes)
    having = f"{', '.join(others)} and {admins}" if others else admins
    raise Forbidden(
        sentence(
            "Only %(having)s may do this; this key or session is that of %(role)s.",
            having=having, role=_article(who.role),
        )
    )  # fmt: skip


def project_named(name: str, others: Scope = Scope.OPERATE) -> str:
    """The id of the project of this name: one's own, or with the scope `others` any. Raises NotFound."""
    who = principal()
    found = None
    if name.isprintable():  # PostgreSQL refuses NUL
        with read(farm().engine) as connection:
            found = find_project(connection, name)
    if found is None or (found != who.project_id and not may(others)):
        raise NotFound(sentence("There is no project %(name)s that you may control.", name=repr(name[:80])))
    return found


def request_key() -> accounts.KeyRow | None:
    """The key that this request came with; None: it came with a session."""
    authorization = request.headers.get("Authorization")
    return None if authorization is None else accounts.find_key(farm().engine, authorization.partition(" ")[2].strip())


def project_row(project_id: str) -> accounts.ProjectRow:
    """A project by its id. Raises NotFound."""
    for row in accounts.list_projects(farm().engine):
        if row.id == project_id:
            return row
    raise NotFound(sentence("There is no such project any more."))


def sign_in(who: Principal, by: str) -> None:
    """Begin a fresh session for a person who has shown `by` a password or a link who it is.

    Raises Unauthorized when that person is no more, or disabled.
    """
    act_as(_actor(who))
    secret = accounts.begin_session(farm().engine, str(who.user_id), now(), by)
    visitor = _load(secret) if secret else None
    if visitor is None:
        raise Unauthorized()
    session.clear()  # nothing that came before the sign-in lives on
    session.permanent = True
    login_user(visitor)


def sign_out() -> None:
    """End the session, here and in whatever copies there are of its cookie."""
    if current_user.is_authenticated:
        accounts.end_session(farm().engine, current_user.get_id(), now())
    logout_user()
    session.clear()


def safe_next(target: str | None) -> str:
    """Where to go after the sign-in: a path of ours, never another site."""
    if target and target.startswith("/") and not target.startswith("//") and "\\" not in target:
        parts = urlsplit(target)
        if not parts.scheme and not parts.netloc and all(ord(char) > 32 for char in target):
            return target
    return url_for("jobs.index")


def _guard() -> Response | None:
    act_as(_actor(None))
    if request.endpoint is None:  # no such address: 404 or 405 follows
        return None
    if request.endpoint in PUBLIC:
        _check_token_of(("sign_in.by_password", "sign_in.by_link", "language.choose"))
        return None
    if may_scrape(farm().settings):
        return None
    _identify()
    if "principal" not in g:
        return cast(Response, redirect(url_for("sign_in.ask", next=request.full_path.rstrip("?"))))
    act_as(_actor(principal()))
    if request.endpoint not in NEEDS:
        raise Forbidden(sentence("This address is not open to anybody yet."))
    if (needed := NEEDS[request.endpoint]) is not None:
        require(needed)
    return None


def _actor(who: Principal | None) -> Actor:
    """Who acts in this request, for the audit log."""
    api = request.path.startswith("/api/") or is_openai(request.path)
    return Actor(
        via=Via.API if api else Via.DASHBOARD,
        user_id=who.user_id if who else None,
        key_id=who.key.id if who and who.key else None,
        address=request.remote_addr,
        request_id=request_id(),
    )


def _identify() -> None:
    """Find out whom the request speaks for; a visit to a page may speak for nobody. Raises Unauthorized."""
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        g.principal = _by_key(authorization)
        _admit(g.principal)
        _note_use(g.principal)
    elif current_user.is_authenticated:
        g.principal = current_user.principal
        _admit(g.principal)
        _protect()
    elif not _is_page_visit():
        raise Unauthorized()


def _article(role: Role) -> str:
    return f"a{'n' if role[0] in 'ao' else ''} {role}"


def _note_use(who: Principal) -> None:
    """The rows that were read for the check say already when the key was used last: most requests write nothing."""
    at = now()
    if who.key is not None and (who.key.used_at is None or who.key.used_at <= at - accounts.USE_SECONDS):
        accounts.note_use(farm().engine, who.key.id, at)


def _admit(who: Principal) -> None:
    """Raises TooManyRequests or Busy."""
    rate_limits.count_request(who.project_id)
    limits.take_turn(current_app, who.project_id)


def _by_key(authorization: str) -> Principal:
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("The header 'Authorization' must read 'Bearer lf_…'; other schemes are not known here.")
    found = accounts.authenticate(farm().engine, secret.strip(), now())
    if found is None:
        raise Unauthorized("This key is not known, has expired or was revoked; make a new one with `farm keys create`.")
    return found


def _check_token_of(endpoints: tuple[str, ...]) -> None:
    if request.endpoint in endpoints:
        _protect()


def _protect() -> None:
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    limits.check_form()
    try:
        csrf.protect()
    except CSRFError as error:
        raise FormExpired() from error


def _is_page_visit() -> bool:
    return (
        request.method in ("GET", "HEAD")
        and not request.path.startswith("/api/")
        and not is_openai(request.path)
        and "text/html" in request.headers.get("Accept", "")
    )


def _load(secret: str) -> Visitor | None:
    found = accounts.find_session(farm().engine, secret, now())
    if found is None:
        return None
    project_id, user_id, role, name = found
    return Visitor(Principal(project_id, user_id, role), name, secret)
