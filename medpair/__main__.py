"""`python -m medpair`: the same as the command."""

from __future__ import annotations

from medpair.command import main

if __name__ == "__main__":
    main()
