"""A user's mistake within flows and tasks, as Prefect logs it, and a defect beside it."""

import logging

import pytest

import evaluation.errors
import factory.errors
from flows.planning.recipe import RecipeError
from tasks.publishing import BaseMovedError
from tasks.services.run_logs import RUN_LOGS, KeptBackError, said_elsewhere, without_tracebacks


@pytest.fixture
def shown():
    """What two loggers show, one of Prefect's runs and another."""

    class Kept(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    lines, handler = [], Kept()
    # Apart from the loggers of these names, which would send to a server.
    manager = logging.Manager(logging.RootLogger(logging.WARNING))
    loggers = [manager.getLogger(name) for name in (RUN_LOGS[1], "elsewhere")]
    for logger in loggers:
        logger.addHandler(handler)
    loggers[0].addFilter(without_tracebacks)
    return lines, handler, *loggers


def fail(logger, error):
    logger.error("Task run failed with exception", exc_info=error)


@pytest.mark.parametrize(
    "mistake",
    [
        factory.errors.InputError,
        evaluation.errors.InputError,
        lambda text: RecipeError([text]),
        KeptBackError,
        BaseMovedError,
    ],
    ids=["factory", "evaluation", "recipe", "kept back", "base moved"],
)
def test_a_mistake_is_logged_in_its_line(shown, mistake):
    lines, handler, runs, _ = shown
    fail(runs, mistake("no scheduler at tcp://127.0.0.1:1: 100 %"))
    assert lines == ["no scheduler at tcp://127.0.0.1:1: 100 %"]
    handler.addFilter(said_elsewhere)
    fail(runs, mistake("no scheduler"))
    runs.error("Finished in state Failed('…')")
    assert len(lines) == 1


def test_ctrl_c_is_left_to_the_caller_and_another_crash_is_not(shown):
    lines, handler, runs, _ = shown
    handler.addFilter(said_elsewhere)
    runs.error("Crash detected! Execution was aborted by an interrupt signal.")
    runs.error("Crash detected! Execution was aborted by a termination signal.")
    assert lines == ["Crash detected! Execution was aborted by a termination signal."]


def test_a_defect_keeps_its_traceback(shown):
    lines, handler, runs, elsewhere = shown
    handler.addFilter(said_elsewhere)
    fail(runs, RuntimeError("a defect"))
    fail(elsewhere, factory.errors.InputError("of another logger"))
    assert ["\n" in line for line in lines] == [True, True]
