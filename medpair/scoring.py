"""Headline scores of anybody's folder of pairs, as a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from flows import api
from tasks.services.settings import load_settings


def score(
    folder: Path | str,
    against: Path | str,
    size: int | None = None,
    channels: int | None = None,
    home: Path | str | None = None,
) -> pd.DataFrame:
    """Scores a folder of pairs against real ones; the lake keeps the scores.

        >>> import medpair
        >>> scores = medpair.score("pairs", against="tiny.yaml")
        >>> list(scores.columns)
        ['value', 'low', 'high', 'n', 'unit']
        >>> bool(scores.loc["consistency", "value"] <= 1)
        True

    Args:
        folder: of images, masks and a metadata.csv, as `medpair init` writes one.
        against: real pairs: a folder, a recipe, or "phantom".
        size: side in pixels at which both are read, a multiple of 8; None for the recipe's, or 128.
        channels: 1 for grey, 3 for RGB; None for the recipe's, or 1.
        home: folder of everything written; MEDPAIR_HOME or ./.medpair by default.

    Returns:
        A row per score: value, low and high (95 % interval, NaN where unknown), n, unit.

    Raises:
        InputError: with a line for everything that keeps one of the two from being read as pairs.
    """
    settings = load_settings(None if home is None else Path(home)).enter()
    found = api.evaluate_folder(Path(folder), str(against), settings, size, channels).scores
    columns = ["value", "low", "high", "n", "unit"]
    rows = [[getattr(each, name) for name in columns] for each in found.values()]
    return pd.DataFrame(rows, pd.Index(list(found), name="score"), columns)
