"""Serves the page. Nothing leaves this machine for it but calls to the farm: no analytics, no share link, no fonts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farm.client import FarmClient
from farm.client.connection.address import is_loopback
from farm.errors import WrongUsage

#: What Gradio reads from the environment, some of it as soon as it is imported.
OFFLINE: Mapping[str, str] = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
#: Gradio's page can ask Google for fonts: the browser is told to ask nobody else.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'"
#: Threads: each visitor who renders takes one.
_THREADS = 96
_MOST_UPLOADED = 1  # bytes: the page takes no files


@contextmanager
def served(farm: FarmClient, host: str, port: int) -> Iterator[str]:
    """The page, at the URL that this gives, until the block is left. Raises FarmError, also where the port is taken."""
    with tempfile.TemporaryDirectory(prefix="latent-farm-ui-", ignore_cleanup_errors=True) as folder:
        os.environ.update(OFFLINE, GRADIO_TEMP_DIR=folder)
        from farm.gradio_ui.page import make_page

        page = make_page(farm, Path(folder))
        try:
            _, url, _ = page.launch(
                server_name=host,
                server_port=port,
                share=False,
                ssr_mode=False,
                mcp_server=False,
                enable_monitoring=False,
                footer_links=[],
                max_threads=_THREADS,
                max_file_size=_MOST_UPLOADED,
                app_kwargs={"middleware": _middleware(host)},
                prevent_thread_lock=True,
                quiet=True,
            )
        except OSError as error:
            raise WrongUsage(
                f"The page cannot be served at {host}, port {port}: choose another one (--port)."
            ) from error
        try:
            yield url
        finally:
            page.close(verbose=False)


def _middleware(host: str) -> list[Middleware]:
    """A page for this machine alone answers to no other name: else any web page could have one that leads here."""
    added = [Middleware(SameOriginPolicy)]
    if is_loopback(f"http://{host}"):
        added.append(Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]", host]))
    return added


class SameOriginPolicy:
    """Tells browsers to ask nobody but this server for anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self._app(scope, receive, with_policy)
