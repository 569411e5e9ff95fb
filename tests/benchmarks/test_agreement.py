"""The evaluation gives what other libraries give; the benchmark prints the largest difference."""

import pytest

from benchmarks.agreement import CHECKS

# MONAI and SciPy announce what they will drop; they are asked for their answer here, not used.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_numbers_agree_with_independent_ones(check):
    found = list(check(0))
    assert found
    for what, ours, theirs in found:
        assert ours == pytest.approx(theirs, rel=1e-6), what
