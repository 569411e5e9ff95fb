import json
from dataclasses import asdict, replace

import pytest

from evaluation.utility.exposure import NO_EXPOSURE, TrainingExposure, provenance
from factory.generators.phantom import PhantomGeneratorSpec
from factory.generators.specs import MedSegFactorySpec
from factory.images import ImageSection
from factory.models.lineage import Ancestor, ancestry_of, with_ancestor
from factory.sources.phantom import PhantomSource
from factory.sources.union import UnionSource
from tasks.exposure import UNKNOWN, exposure_of
from tasks.generator_training import training_data
from tasks.real_data import Reference

WHOLE = PhantomSource(domains=("phantom-breast-us",), train=8)
FEW = WHOLE.model_copy(update={"limit": 3})
THIRD = PhantomSource(domains=("phantom-chest-xray",), train=2)
OTHER = Ancestor("other", 50, phantom=False)


@pytest.fixture
def spec(tmp_path):
    def trained_on(*ancestors):
        card = {"format": 1, "ancestry": [asdict(each) for each in ancestors]}
        (tmp_path / "card.json").write_text(json.dumps(card))
        return MedSegFactorySpec(start=tmp_path)

    return trained_on


def of(source, pairs):
    return Ancestor(source.build().digest, pairs, phantom=True)


def exposure(spec, source):
    return exposure_of(spec.checkpoints, source, source.build().digest)


def test_what_a_card_and_a_limit_say(spec):
    assert exposure(spec(of(WHOLE, 8)), WHOLE) == TrainingExposure("whole", 8)
    assert exposure(spec(of(FEW, 3)), FEW) == TrainingExposure("limited", 3)
    assert exposure(spec(OTHER, of(FEW, 3)), FEW) == TrainingExposure("limited", 3, others=True)
    assert exposure(spec(OTHER), WHOLE) == TrainingExposure(others=True)
    # Fine-tuned on few, but its start had seen them all.
    assert exposure(spec(of(WHOLE, 8), of(FEW, 3)), FEW).own == "whole"
    assert exposure(spec(of(WHOLE, 8)), FEW) == TrainingExposure("whole", 8)
    # Phantoms of another set are nobody's images.
    assert exposure(spec(Ancestor("other", 50, phantom=True)), WHOLE) == NO_EXPOSURE


def test_a_limit_within_a_union_counts_for_the_whole(spec):
    other = PhantomSource(domains=("phantom-colonoscopy",), train=4)
    whole = UnionSource(parts={"breast": WHOLE, "colon": other})
    few = UnionSource(parts={"breast": FEW, "colon": other})
    assert exposure(spec(of(whole, 12)), whole) == TrainingExposure("whole", 12)
    assert exposure(spec(of(few, 7)), few) == TrainingExposure("limited", 7)
    assert exposure(spec(of(whole, 12), of(few, 7)), few).own == "whole"
    assert exposure(spec(OTHER), few) == TrainingExposure(others=True)


COLON = PhantomSource(domains=("phantom-colonoscopy",), train=4)
BOTH = UnionSource(parts={"breast": WHOLE, "colon": COLON})


def test_a_part_of_a_union_is_no_other_data_set(spec):
    assert exposure(spec(of(WHOLE, 8)), BOTH) == TrainingExposure("part", 8)
    assert exposure(spec(OTHER, of(COLON, 4)), BOTH) == TrainingExposure("part", 4, others=True)
    few = UnionSource(parts={"breast": FEW, "colon": COLON})
    # Limited or not, it is the part; the union's own limit says nothing of it.
    assert exposure(spec(of(FEW, 3)), few) == TrainingExposure("part", 3)
    assert exposure(spec(of(WHOLE, 8)), few) == TrainingExposure("part", 8)
    assert exposure(spec(of(WHOLE, 8), of(few, 7)), few).own == "part"
    assert exposure(spec(of(WHOLE, 8), of(BOTH, 12)), BOTH) == TrainingExposure(
        "whole", 12, others=True
    )
    assert provenance(exposure(spec(of(WHOLE, 8)), BOTH), 8) == "full"


def test_a_union_is_no_other_data_set_to_its_parts(spec):
    union = replace(of(BOTH, 12), parts=BOTH.build().parts_digests)
    assert exposure(spec(union), WHOLE) == TrainingExposure("part", 12)
    assert exposure(spec(union), FEW) == TrainingExposure("part", 12)
    another = UnionSource(parts={"colon": COLON, "chest": THIRD})
    assert exposure(spec(union), another) == TrainingExposure("part", 12)
    assert exposure(spec(union), THIRD) == NO_EXPOSURE
    # A card of before unions told their parts knows no better.
    assert exposure(spec(of(BOTH, 12)), WHOLE) == NO_EXPOSURE


def test_training_data_of_a_union_name_its_parts():
    data = training_data(Reference.of(BOTH.build(), ImageSection(size=32)))
    assert data.source_parts == tuple(part.build().digest for part in (WHOLE, COLON))
    assert training_data(Reference.of(WHOLE.build(), ImageSection(size=32))).source_parts == ()


def test_rows_of_three_real_images(spec):
    told = {
        "strict": [of(FEW, 3)],
        "adapted": [OTHER, of(FEW, 3)],
        "transfer": [OTHER],
        "full": [of(WHOLE, 8), of(FEW, 3)],
    }
    for name, ancestors in told.items():
        assert provenance(exposure(spec(*ancestors), FEW), 3) == name


def test_a_renderer_saw_nothing_and_no_card_is_unknown(tmp_path):
    assert exposure(PhantomGeneratorSpec(), WHOLE) == NO_EXPOSURE
    assert exposure(MedSegFactorySpec(start=tmp_path), WHOLE) == UNKNOWN


def test_ancestors_are_handed_down():
    first = with_ancestor(None, OTHER)
    union = replace(of(FEW, 3), parts=("one", "two"))
    then = json.loads(json.dumps(with_ancestor({"ancestry": first}, union)))
    assert ancestry_of({"ancestry": then}) == (OTHER, union)
    assert ancestry_of({"ancestry": [{"source": "d", "pairs": 5, "phantom": False}]}) == (
        Ancestor("d", 5, phantom=False),
    )
    assert with_ancestor({}, OTHER) is None
    assert ancestry_of({"ancestry": None}) is None


def test_cards_of_before_tell_their_one_data_set_or_nothing():
    card = {"source_digest": "d", "pairs": 5, "from": None, "domains": [{"phantom": False}]}
    assert ancestry_of(card) == (Ancestor("d", 5, phantom=False),)
    assert ancestry_of(card | {"from": "base"}) is None
