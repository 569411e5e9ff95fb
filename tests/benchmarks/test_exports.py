"""The benchmark of exports counts what is equal, and nothing else."""

from dataclasses import replace

import pytest

from benchmarks.exports import EQUAL, OTHER, measure
from benchmarks.exports.readers import READERS
from factory.exports import EXPORTS


def turned(part):
    images, masks = READERS["huggingface"].read(part)
    return images, masks[:, ::-1]


@pytest.fixture(scope="module")
def found():
    readers = {
        **READERS,
        "huggingface": replace(READERS["huggingface"], read=turned),
        "dicom": replace(READERS["dicom"], packages=("no_such_package",)),
    }
    del readers["webdataset"]
    return measure(2, readers)


def test_every_layout_has_a_reader():
    assert READERS.keys() == EXPORTS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted({*READERS} - {"huggingface", "dicom", "webdataset"}))
def test_a_layout_that_is_read_back_equal_counts(kind, found):
    assert found[kind] == f"{EQUAL}, as read by {READERS[kind].by}"


@pytest.mark.slow
def test_another_mask_does_not_count_nor_what_nobody_could_read(found):
    assert found["huggingface"].startswith(OTHER)
    assert found["dicom"] == "not run: no_such_package is not installed"
    assert found["webdataset"] == "not run: nothing here reads it"
