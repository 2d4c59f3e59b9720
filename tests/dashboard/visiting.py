"""A person at the dashboard: how they sign in, and what a page asks them to send back."""

import re
from typing import TYPE_CHECKING, Any

from flask.testing import FlaskClient

if TYPE_CHECKING:
    from tests.dashboard.conftest import House, Tenant

PAGE = {"Accept": "text/html"}


def token_of(client: FlaskClient, path: str) -> str:
    """The token in the form of a page."""
    text = client.get(path, headers=PAGE).get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found, text
    return found[1]


def sign_in(house: "House", who: "Tenant | None" = None) -> FlaskClient:
    """A browser of the house's own operator (or of somebody else), signed in."""
    client, who = house.client, who or house.ours
    form = {"name": who.user_name, "password": who.password, "csrf_token": token_of(client, "/sign-in")}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return client


def typed(client: FlaskClient, page: str = "/submit", **fields: Any) -> dict[str, Any]:
    """The submit form with what a person typed."""
    return {"csrf_token": token_of(client, page), "model": "sana-demo", "size": "128x128", **fields}
