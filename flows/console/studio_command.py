"""The command `medpair studio`: pairs made, looked at and kept in a browser."""

from __future__ import annotations

import webbrowser
from functools import partial
from importlib.util import find_spec
from typing import Annotated

import typer

from factory.errors import InputError
from flows.console.session import Home, Json, settings_of
from flows.console.terminal import Terminal
from tasks.services.ports import LOOPBACK, free_port

PIP = "pip install 'medpair-factory[studio]'"


Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Of the page; 0 for a free one.")
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page at once.")]


def studio(
    port: Port = 0,
    browser: Browser = True,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Makes, keeps and browses pairs in a page on this machine alone, until Ctrl-C."""
    check_nicegui("the studio")
    settings, free = settings_of(home), free_port(port, "--port")
    from flows.studio.page import show_page
    from flows.studio.serving import serve
    from flows.studio.session import Studio

    session = Studio(settings)
    ready = partial(tell_address, "studio", free, browser, Terminal(json_))
    serve(lambda: show_page(session), "MedPair studio", free, ready)


def check_nicegui(what: str) -> None:
    """Whether pages can be served.

    Raises:
        InputError: if the package for it is not installed.
    """
    if find_spec("nicegui") is None:
        raise InputError(f"{what} needs NiceGUI, which is not installed: {PIP}")


def tell_address(name: str, port: int, browser: bool, terminal: Terminal) -> None:
    """Prints where a page is served, and opens it where that is wanted."""
    address = f"http://{LOOPBACK}:{port}"
    terminal.show({name: address}, f"{name}: {address}")
    if browser:
        webbrowser.open(address)
