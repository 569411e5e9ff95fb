"""One of the processes: `accelerate launch --module factory.training.launched FOLDER RESUME`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from factory.training.launched.job import Job
from factory.training.steps import accelerator


def main(folder: Path, resume: Path) -> None:
    """Takes part in the training of a folder; the first process prints every step as JSON."""
    accelerate = accelerator()
    for progress in Job.load(folder).train(resume):
        # Whoever reads has gone if this fails, and then the launcher ends all processes.
        if accelerate.is_main_process:
            print(json.dumps(asdict(progress)), flush=True)
    accelerate.end_training()


main(*map(Path, sys.argv[1:]))
