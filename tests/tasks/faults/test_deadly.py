"""Which prompts end a worker is found by halving; a generator that always ends it is told in a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.faults.deadly import MOST_DEATHS, WorkersLostError, deadly
from tasks.faults.machine import in_words


@given(st.integers(1, 64), st.data())
def test_one_deadly_row_is_found_wherever_it_is(count, data):
    rows = list(range(100, 100 + count))
    bad = data.draw(st.sampled_from(rows))
    assert deadly(rows, lambda part: bad in part) == [bad]


def test_two_of_sixteen_are_found():
    assert deadly(range(16), lambda part: 3 in part or 12 in part) == [3, 12]


def test_one_that_always_ends_its_worker_is_given_up_soon():
    asked = []

    def dies(part):
        asked.append(part)
        return True

    with pytest.raises(WorkersLostError, match="rows 0 to 255, and not for one prompt") as lost:
        deadly(range(256), dies)
    assert len(asked) == MOST_DEATHS + 1
    assert in_words(lost.value) == str(lost.value)


def test_too_many_at_once_is_not_the_fault_of_one():
    assert deadly(range(16), lambda part: len(part) > 4) == []


def test_a_worker_that_somebody_killed_meanwhile_blames_no_row():
    killed = iter([True] * 4)  # three halves and a row, once
    assert deadly(range(16), lambda part: next(killed, False)) == []
