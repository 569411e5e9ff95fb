import pytest

from evaluation.utility.exposure import MEANING, NO_EXPOSURE, TrainingExposure, provenance

TEN = TrainingExposure("limited", 10)


@pytest.mark.parametrize(
    ("exposure", "images", "expected"),
    [
        (TEN, 10, "strict"),
        (TrainingExposure("limited", 10, others=True), 10, "adapted"),
        # The generator knew ten; five of them are in the arm, or none need be.
        (TEN, 5, "full"),
        (TEN, 20, "full"),
        # Synthetic pairs alone: all real images that went into the arm are the generator's.
        (TEN, None, "strict"),
        (TrainingExposure("whole", 97), 97, "full"),
        (TrainingExposure("whole", 97, others=True), None, "full"),
        # Which of the arm's images lie in the part is not known, even where there are as many.
        (TrainingExposure("part", 10), 10, "full"),
        (TrainingExposure("part", 10), 20, "full"),
        (TrainingExposure("part", 10, others=True), None, "full"),
        (TrainingExposure(others=True), 10, "transfer"),
        (NO_EXPOSURE, 10, "phantom"),
        (TrainingExposure("limited", 10, known=False), 10, "unknown"),
    ],
)
def test_what_the_generator_was_trained_on(exposure, images, expected):
    assert provenance(exposure, images) == expected
    assert expected in MEANING


def test_only_a_generator_of_few_holds_rows_to_few():
    assert TEN.held_to_few
    more = (
        NO_EXPOSURE,
        TrainingExposure("part", 10),
        TrainingExposure("whole", 97),
        TrainingExposure(others=True),
    )
    assert not any(s.held_to_few for s in more)
    assert TEN.may_hold_patients
    assert TrainingExposure("part", 10).may_hold_patients
    assert not any(s.may_hold_patients for s in (NO_EXPOSURE, TrainingExposure(others=True)))
