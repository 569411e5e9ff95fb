"""Fixtures shared with the tests of the evaluation."""

from tests.evaluation.conftest import discs

__all__ = ["discs"]
