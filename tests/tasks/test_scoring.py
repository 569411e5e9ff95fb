"""Models of the evaluation are trained once, and anew where what they learn from is another."""

from contextlib import contextmanager

import numpy as np

from evaluation.settings import EvaluateSection
from factory.images import ImageSection
from factory.sources.phantom import PhantomSource
from tasks.real_data import Reference
from tasks.scoring import ModelCache

DOMAIN = "phantom-breast-us"


class Counted:
    """A record that counts trainings, by what they are for."""

    def __init__(self):
        self.trained = []

    @contextmanager
    def child(self, name, tags=None):
        self.trained.append(tags["purpose"])
        yield self

    def parameters(self, values):
        assert values["learns"]

    def curve(self, points):
        assert points


def test_a_segmenter_of_a_sample_of_another_size_is_another(tmp_path):
    image = ImageSection(size=32)
    source = PhantomSource(domains=(DOMAIN,), train=4, val=2, test=2).build()
    section = EvaluateSection(judge_steps=1, tstr=True, finding_classifier_steps=0)
    record = Counted()
    cache = ModelCache(Reference.of(source, image), section, tmp_path, record)
    made = source.read("train", image)
    for pairs in (made, made, made[np.arange(3)]):
        assert cache.auxiliary_models(DOMAIN, "SNAPSHOT", pairs).tstr_segmenter is not None
    assert record.trained == ["tstr-segmenter"] * 2
