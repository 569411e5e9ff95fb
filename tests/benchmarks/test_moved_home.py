import pytest

from benchmarks.people.moved_home import moved_home


@pytest.mark.slow
@pytest.mark.timeout(1800)  # five processes, each with a Prefect server of its own
def test_a_home_and_an_installation_can_be_moved(tmp_path):
    assert moved_home(tmp_path) == 1.0
