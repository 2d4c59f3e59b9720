"""Which hosts the dashboard answers for, and what every response tells the browser not to do."""

from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from dashboard.http.scrapers import has_metrics_token
from dashboard.problems import UnknownHost
from farm.connections import Connections
from farm.settings import Settings

#: Endpoints that answer under any name.
OPEN_TO_ALL_HOSTS = frozenset({"health.alive", "health.ready"})


def register(app: Flask, connections: Connections) -> None:
    """Check the host of every request first, and add the security headers to every response."""
    hosts = allowed_hosts(connections.settings)
    pictures = storage_origin(connections)

    @app.before_request
    def _check_host() -> None:
        # Without it a page of another site could reach a farm on this machine under a name of its own (DNS rebinding).
        # What watches the processes comes by their addresses, which change; it learns nothing but that they live.
        if request.endpoint in OPEN_TO_ALL_HOSTS or has_metrics_token(connections.settings):
            return
        if "*" not in hosts and hostname(request.environ.get("HTTP_HOST", "")) not in hosts:
            raise UnknownHost()

    @app.after_request
    def _add_headers(response: Response) -> Response:
        headers = response.headers
        headers["Content-Security-Policy"] = content_policy(pictures, g.get("docs_page", False))
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        headers.setdefault("Cache-Control", "no-store")
        if g.get("principal") is not None:  # who is known has asked the database: nothing is waited for here
            headers["Farm-Time"] = f"{connections.clock():.3f}"
        return response


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """The names of `allowed_hosts` and of `public_url`, in lower case and without ports."""
    names = {hostname(name) for name in settings.allowed_hosts}
    if settings.public_url:
        names.add(hostname(urlsplit(settings.public_url).netloc))
    return frozenset(names)


def hostname(host: str) -> str:
    """The name in a Host header: lower case, without the port; '[::1]:80' → '[::1]'."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


def storage_origin(connections: Connections) -> str:
    """Where signed links lead: pictures on our pages come from there."""
    settings = connections.settings
    # Asking boto3 takes a moment.
    given = settings.s3_public_endpoint_url or settings.s3_endpoint_url
    parts = urlsplit(given or connections.storage.public_address)
    return f"{parts.scheme}://{parts.netloc}"


def content_policy(pictures: str, docs_page: bool) -> str:
    """The content security policy: our own files only, pictures and clips also from the object storage.

    The API reference sets styles from its script, so its page alone may have inline styles.
    """
    style = "'self' 'unsafe-inline'" if docs_page else "'self'"
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            f"style-src {style}",
            f"img-src 'self' data: {pictures}",
            f"media-src 'self' {pictures}",
            "font-src 'self' data:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
