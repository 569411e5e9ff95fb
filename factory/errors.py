"""Errors that are told in one line: a user's mistake, and damage to what lies at rest."""


class InputError(ValueError):
    """What the user gave cannot be used: one line saying what arrived, why it matters, what to do."""


class DamagedError(RuntimeError):
    """What was written cannot be read any more: one line saying what, what is lost, what to do."""


class WithdrawnWarning(UserWarning):
    """A version is used that was withdrawn, or of which nobody can tell."""
