import pandas as pd

from evaluation.utility.result import Utility, pooled


def test_pooled_cases_keep_their_images_and_patients_apart():
    part = pd.DataFrame({"case": [0, 1, 2], "unit": [0, 0, 1], "dice": 0.5})
    found = pooled([{"segmentation": part}, {"segmentation": part, "classification": part}])
    assert found["segmentation"]["case"].nunique() == 6
    assert found["segmentation"]["unit"].nunique() == 4
    assert len(found["classification"]) == 3
    assert pooled([]) == {}


def test_tasks_without_arms_have_empty_tables():
    nothing = Utility({})
    assert nothing.segmentation.levels.empty
    assert nothing.classification.gains.empty
    assert nothing.scores == ()
