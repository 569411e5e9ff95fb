"""Names that options give to the values of masks."""

import pytest

from factory.errors import InputError
from flows.starting.answers import Given, class_names, unasked


def named(text, values):
    return class_names(values, {}, Given(classes=text), unasked)[0]


@pytest.mark.parametrize("text", ["liver, spleen", "3=spleen, 1=liver"])
def test_names_are_those_of_the_values_in_their_order_or_by_value(text):
    assert named(text, [1, 3]) == {1: "liver", 3: "spleen"}


@pytest.mark.parametrize("text", ["liver, spleen, kidney", "liver", "lung, heart=3"])
def test_names_that_are_not_as_many_as_the_values_are_refused(text):
    # One too many would have given the others wrong values.
    values = [1] if "=" in text else [1, 3]
    with pytest.raises(InputError, match="name each, as in --classes"):
        named(text, values)
