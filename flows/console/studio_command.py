"""The command `medpair studio`: pairs made, looked at and kept in a browser."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec
from typing import Annotated

import typer

from factory.errors import InputError
from flows.console.session import Home, Json
from flows.console.terminal import Terminal
from tasks.services.ports import LOOPBACK, free_port
from tasks.services.settings import load_settings

PIP = "pip install 'medpair-factory[studio]'"


def studio(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 for a free one.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page at once.")
    ] = True,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Makes, keeps and browses pairs in a page on this machine alone, until Ctrl-C."""
    if find_spec("nicegui") is None:
        raise InputError(f"the studio needs NiceGUI, which is not installed: {PIP}")
    settings, free = load_settings(home).enter(), free_port(port, "--port")
    from flows.studio.serving import serve
    from flows.studio.session import Studio

    def ready() -> None:
        address = f"http://{LOOPBACK}:{free}"
        Terminal(json_).show({"studio": address}, f"studio: {address}")
        if browser:
            webbrowser.open(address)

    serve(Studio(settings), free, ready)
