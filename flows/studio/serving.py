"""The server of a page: on this machine alone, without anything from the network."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import warnings
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tasks.services.ports import LOOPBACK

LEAVE_SECONDS = 2  # for open windows, once Ctrl-C was pressed
RECONNECT_SECONDS = 60.0  # a busy machine may keep a browser waiting


Show = Callable[[], None]  # builds the page for one browser window


def served_app(show: Show, title: str) -> FastAPI:
    """A page as an application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # A web page elsewhere could name this machine by a name of its own.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])
    ui.run_with(
        app,
        root=show,
        title=title,
        favicon="◧",
        dark=None,
        language="en-GB",
        tailwind=False,
        reconnect_timeout=RECONNECT_SECONDS,
        show_welcome_message=False,
    )
    return app


def serve(show: Show, title: str, port: int, ready: Callable[[], None]) -> None:
    """Serves a page until Ctrl-C, or the signal that ends a process.

    Args:
        show: the page.
        title: of the browser's window.
        port: a free one.
        ready: is called once the page can be opened.
    """
    config = uvicorn.Config(
        served_app(show, title),
        host=LOOPBACK,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=LEAVE_SECONDS,
    )
    for number in (signal.SIGINT, signal.SIGTERM):  # a script's shell may have one ignored
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), warnings.catch_warnings():
        # To find its server, NiceGUI looks at every object, deprecated ones of torch among them.
        warnings.simplefilter("ignore", FutureWarning)
        asyncio.run(_until_told(uvicorn.Server(config), ready))


async def _until_told(server: uvicorn.Server, ready: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.05)
    if server.started:
        ready()
    await serving
