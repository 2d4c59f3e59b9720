"""The dashboard's address: set, answered, and by the dashboard."""

from collections.abc import Iterator

import httpx

from farm.doctor.addresses import is_here
from farm.doctor.findings import Finding, Level
from farm.settings import Settings

PART = "dashboard"
ANSWER_SECONDS = 10.0


def check(settings: Settings) -> Iterator[Finding]:
    """Look at its settings, then visit it at its public address."""
    if settings.secret_key is None:
        words = "No key is set that signs sessions: everybody is signed out when a dashboard restarts."
        yield Finding(
            PART,
            Level.WARN,
            words,
            "Set FARM_SECRET_KEY, the same on each dashboard; `openssl rand -hex 32` makes one.",
        )
    if settings.environment is None and settings.database_url.get_secret_value().startswith("postgresql"):
        words = "The pools of the demo are in the catalog."
        yield Finding(PART, Level.WARN, words, "Set FARM_ENVIRONMENT=production, which leaves them out.")
    if settings.public_url is None:
        words = "No public address is set: sign-in links lead to this machine only."
        yield Finding(PART, Level.WARN, words, "Set FARM_PUBLIC_URL: https://farm.example.org")
        return
    if settings.public_url.startswith("http:") and not is_here(settings.public_url):
        words = "Passwords and keys go to the dashboard in clear."
        yield Finding(PART, Level.WARN, words, "Put a TLS proxy before it, and write https in FARM_PUBLIC_URL.")
    yield _visit(settings.public_url)


def _visit(url: str) -> Finding:
    try:
        with httpx.Client(base_url=url, timeout=ANSWER_SECONDS) as client:
            page, ready = client.get("/sign-in"), client.get("/readyz")
    except (httpx.HTTPError, OSError) as error:
        words = f"Nobody answers at {url}: {error or type(error).__name__}"
        return Finding(PART, Level.WARN, words, "Start `farm dashboard`, and see that the proxy leads to it.")
    if page.status_code == 400 and "unknown-host" in page.text:
        words = f"{url} leads to a dashboard that does not know this name."
        return Finding(PART, Level.FAIL, words, "Set FARM_PUBLIC_URL or FARM_ALLOWED_HOSTS for the dashboard too.")
    if not page.is_success or "parts" not in ready.text:
        words = f"{url} answers with HTTP {page.status_code}, and not as a dashboard does."
        return Finding(PART, Level.FAIL, words, "See where the proxy leads.")
    if not ready.is_success:
        return Finding(PART, Level.FAIL, f"The dashboard at {url} is not ready: {ready.text.strip()}", "See its log.")
    return Finding(PART, Level.OK, f"The dashboard answers at {url}, and is ready.")
