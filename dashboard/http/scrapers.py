"""Requests for `/metrics` by programs that have no key: those with the token, and those from a network of its own."""

from flask import request

from farm.metrics.access import comes_from_network, has_token
from farm.settings import Settings

METRICS = "metrics.scrape"


def has_metrics_token(settings: Settings) -> bool:
    """Whether this asks for metrics with the token. It may come under any host name: Prometheus goes by addresses."""
    return request.endpoint == METRICS and has_token(settings, request.headers.get("Authorization"))


def may_scrape(settings: Settings) -> bool:
    """Whether this asks for metrics and needs no key.

    Its address counts only where it is the asker's own: a proxy of this machine that the settings do not tell of would
    lend its own to everybody.
    """
    if request.endpoint != METRICS:
        return False
    passed_on = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    near = (settings.trusted_proxies or not passed_on) and comes_from_network(settings, request.remote_addr)
    return bool(near) or has_metrics_token(settings)
