"""What is read of a snapshot, and how little of it has to be."""

import numpy as np
import pandas as pd
import pytest

from factory.store.repository import Store
from factory.store.snapshot import SMALL_PART


@pytest.fixture(scope="module")
def version(tmp_path_factory, publish):
    store = Store(str(tmp_path_factory.mktemp("pairs")), "chests").create()
    return publish(store, "a", 2 * SMALL_PART, finding=["normal"], machine=["old", "new"])


def test_few_rows_are_told_without_the_prompts_of_all(version):
    few, all_rows = np.array([5, 40]), np.arange(len(version))
    alone = version.facets(few)
    assert "table" not in vars(version)
    whole = version.facets(all_rows)
    assert "table" in vars(version)
    pd.testing.assert_frame_equal(alone, whole.iloc[few].reset_index(drop=True))
    pd.testing.assert_frame_equal(alone, version.facets(few))
    assert alone["machine"].tolist() == ["old", "new"]
