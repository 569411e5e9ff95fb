"""Errors that are told in one line: a user's mistake, and damage to what lies at rest."""


class InputError(ValueError):
    """What the user gave cannot be used: one line saying what arrived, why it matters, what to do."""


class DamagedError(RuntimeError):
    """What was written cannot be read any more: one line saying what, what is lost, what to do."""


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of what a library says, cut; the error's class where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:most]


class WithdrawnWarning(UserWarning):
    """A version is used that was withdrawn, or of which nobody can tell."""
