"""Who an OpenID Connect provider says that somebody is: the client of Authlib, and from claims to an identity.

Code flow with PKCE; state, nonce, issuer, audience and the signature of the ID token are checked.
"""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from flask import Flask, current_app

from farm.accounts.identities import Identity
from farm.errors import Fault, Forbidden, NotFound, SettingsError
from farm.security import Role
from farm.settings import Settings

CLIENT = "latent_farm_oidc"
#: Seconds for each answer of the provider.
_TIMEOUT = 10.0
#: In the place of a group: everybody whom the provider lets in.
_EVERYBODY = "*"


def register(app: Flask, settings: Settings) -> None:
    """Make the client, where the settings name a provider; nothing is contacted yet. Raises SettingsError."""
    if settings.oidc_issuer is None:
        return
    if find_spec("authlib") is None:
        raise SettingsError([Fault("oidc_issuer", "needs what is not installed here: pip install 'latent-farm[oidc]'")])
    from authlib.integrations.flask_client import OAuth

    secret = settings.oidc_client_secret
    app.extensions[CLIENT] = OAuth(app).register(
        "oidc",
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        server_metadata_url=f"{settings.oidc_issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": settings.oidc_scopes,
            "code_challenge_method": "S256",
            "default_timeout": _TIMEOUT,
            **({} if secret else {"token_endpoint_auth_method": "none"}),
        },
    )


def client() -> Any:
    """The client. Raises NotFound where no provider is set."""
    found = current_app.extensions.get(CLIENT)
    if found is None:
        raise NotFound("This farm has no sign-in service; an admin names one with FARM_OIDC_ISSUER.")
    return found


def read_claims(settings: Settings) -> Mapping[str, Any]:
    """What the provider says of whoever comes back from it, checked; also what only its userinfo says.

    Raises Authlib's errors, those of joserfc and of requests, and Forbidden without an ID token.
    """
    provider = client()
    options = {
        "iss": {"essential": True, "values": [settings.oidc_issuer, f"{settings.oidc_issuer}/"]},
        "aud": {"essential": True, "values": [settings.oidc_client_id]},
        "sub": {"essential": True},
    }
    token = provider.authorize_access_token(claims_options=options)
    claims: Mapping[str, Any] | None = token.get("userinfo")
    if claims is None:
        raise Forbidden("The sign-in service sent no ID token; it must know this farm as an OpenID Connect client.")
    if settings.oidc_groups_claim in claims or "userinfo_endpoint" not in provider.server_metadata:
        return claims
    more = provider.userinfo(token=token)
    return {**more, **claims} if more.get("sub") == claims["sub"] else claims


def identity_of(claims: Mapping[str, Any], settings: Settings) -> Identity:
    """The identity that these claims make: of its groups the one with the most rights, the first project that is named.

    Raises Forbidden when none of the groups may come in.
    """
    found = claims.get(settings.oidc_groups_claim, [])
    groups = {_EVERYBODY, *([found] if isinstance(found, str) else map(str, _items(found)))}
    roles = [Role(role) for group, role in settings.oidc_roles.items() if group in groups]
    projects = [project for group, project in settings.oidc_projects.items() if group in groups]
    if not roles or not projects:
        missing = "a role" if not roles else "a project"
        raise Forbidden(f"None of your groups has {missing} on this farm; ask one of its admins.")
    names = (claims.get(claim) for claim in ("preferred_username", "email", "sub"))
    name = next(str(name) for name in names if name)
    role = max(roles, key=list(Role).index)
    return Identity(str(settings.oidc_issuer), str(claims["sub"]), name, role, projects[0])


def _items(found: object) -> Iterable[object]:
    return found if isinstance(found, list) else []
