"""The command `medpair`: importing the package has checked that nothing hides what it needs."""

from __future__ import annotations

from flows.console.cli import main

__all__ = ["main"]
