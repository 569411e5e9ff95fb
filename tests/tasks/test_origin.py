import time

import pytest

from tasks.provenance import duration, origin
from tasks.services.processor_time import newly_used


class OfName:
    name = "lungs"


def test_origin_tells_licence_command_and_cost():
    cards = [{"licence": "CC0-1.0", "seconds": 7300}, {"licence": "CC0-1.0", "seconds": 80}]
    told = origin(OfName, cards, "CC-BY-4.0", 600.0)
    assert told["licence of the data learnt from"] == "CC0-1.0"
    assert told["licence of the data held against"] == "CC-BY-4.0"
    assert told["made again by"].startswith("medpair run lungs.yaml")
    assert told["cost"] == (
        "10 min of processor time until this report; training its generator took 2 h 3 min"
    )


def test_a_generator_without_training_learnt_from_nothing():
    told = origin(OfName, [], "CC0-1.0", 30.0)
    assert told["licence of the data learnt from"].startswith("none")
    assert told["cost"] == "30 s of processor time until this report"
    assert origin(OfName, [{}], "CC0", 30.0)["licence of the data learnt from"] == "unknown"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (130, "2 min"), (7260, "2 h 1 min")]
)
def test_times_have_two_units_at_most(seconds, words):
    assert duration(seconds) == words


def test_processor_time_is_counted_once():
    newly_used()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    assert 0.1 <= newly_used() < 5
    assert newly_used() < 0.1
