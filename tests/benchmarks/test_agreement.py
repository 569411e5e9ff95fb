"""The evaluation gives what other libraries give; the benchmark prints the largest difference."""

import pytest

from benchmarks.agreement import CHECKS, OPTIONAL

# MONAI and SciPy announce what they will drop; they are asked for their answer here, not used.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


LIBRARY_OF = {check: library for library, checks in OPTIONAL.items() for check in checks}
ALL = (*CHECKS, *(check for check in LIBRARY_OF if check not in CHECKS))


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
def test_numbers_agree_with_independent_ones(check):
    if check in LIBRARY_OF:
        pytest.importorskip(
            LIBRARY_OF[check], reason=f"needs {LIBRARY_OF[check]}, see docs/scores.md"
        )
    found = list(check(0))
    assert found
    for what, ours, theirs in found:
        assert ours == pytest.approx(theirs, rel=1e-6), what
