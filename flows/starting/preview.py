"""A few pairs of a recipe before a run: a picture, and nothing that is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluation.report.image_sheets import contact_sheet
from factory.errors import InputError
from factory.places import named_place
from flows.context import RunContext
from tasks.services.progress import stage


def preview(context: RunContext, number: int, file: Path) -> int:
    """Draws some pairs of a recipe's grid, from its first to its last, and gives how many.

    They are those that a run would make for the same prompts.

    Args:
        context: of the recipe.
        number: of pairs, fewer where the grid has fewer.
        file: PNG, is overwritten.

    Raises:
        InputError: if the generator is still to be trained.
    """
    checkpoint = context.checkpoint
    if checkpoint is not None and not (checkpoint / "card.json").is_file():
        raise InputError(
            f"the generator of {context.recipe.name} is not trained, so there is nothing to look "
            "at yet; run `medpair train` with the same recipe first"
        )
    rows = np.unique(np.linspace(0, len(context.grid) - 1, number).round().astype(int)).tolist()
    prompts = [context.grid[row] for row in rows]
    with stage("making pairs"):
        pairs = context.build_generator().generate(prompts, [prompt.seed for prompt in prompts])
    classes = {name: domain.classes for name, domain in context.grid.domains.items()}
    sheet = contact_sheet(pairs, classes).png
    with named_place(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sheet)
    return len(pairs)
