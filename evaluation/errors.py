"""The one error a user can mend."""


class InputError(ValueError):
    """What the user gave cannot be used: one line saying what arrived, why it matters, what to do."""
