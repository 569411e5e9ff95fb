"""What Prefect logs of flow and task runs that fail: of what is no defect its line, no traceback."""

from __future__ import annotations

import logging

import evaluation.errors
import factory.errors
from tasks.faults.machine import in_words

INPUT_ERRORS = (factory.errors.InputError, evaluation.errors.InputError)
# The engine says of a run in a worker's process once more how it ended.
RUN_LOGS = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine")
# How Prefect begins to say of each task and flow what its caller says once.
TOLD = ("Finished in state", "Crash detected! Execution was aborted by an interrupt signal")


class KeptBackError(RuntimeError):
    """A run that is through, and whose version is kept back: what its line says is no defect."""


def without_tracebacks(record: logging.LogRecord) -> bool:
    """Has a log of a run say in its line what is no defect; for a logger, whose record it changes."""
    error = record.exc_info[1] if record.exc_info else None
    line = None if error is None else one_line(error)
    if line is not None:
        record.msg, record.args, record.exc_info = line, (), None
        record.mistake = True
    return True


def one_line(error: BaseException) -> str | None:
    """What an error says to whoever can mend it; None of a defect."""
    told = isinstance(error, (*INPUT_ERRORS, KeptBackError))
    return str(error) if told else in_words(error)


def said_elsewhere(record: logging.LogRecord) -> bool:
    """Whether a terminal has to show a record: not where the caller says what ended it."""
    told = hasattr(record, "mistake") or record.getMessage().startswith(TOLD)
    return not (told and record.name in RUN_LOGS)


def shorten_mistakes() -> None:
    """Keeps tracebacks of users' mistakes out of the logs of runs, once Prefect is imported."""
    for name in RUN_LOGS:
        logging.getLogger(name).addFilter(without_tracebacks)


def leave_mistakes_to_the_caller() -> None:
    """Keeps them out of what Prefect prints, where whoever called the flow says them."""
    import prefect.main  # noqa: F401  # sets up what it prints

    shorten_mistakes()
    logging.raiseExceptions = False  # a line that the server cannot take is lost without a word
    for handler in logging.getLogger().handlers:
        handler.addFilter(said_elsewhere)
