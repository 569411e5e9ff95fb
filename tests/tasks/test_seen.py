import json

import pytest

from evaluation.provenance import NOTHING_SEEN, Seen, provenance
from factory.generators.phantom import PhantomGeneratorSpec
from factory.models.ancestry import Ancestor, ancestry_of, with_ancestor
from factory.sections import MedSegFactorySpec
from factory.sources.phantom import PhantomSource
from factory.sources.union import UnionSource
from tasks.seen import UNKNOWN, seen_by

WHOLE = PhantomSource(domains=("phantom-breast-us",), train=8)
FEW = WHOLE.model_copy(update={"limit": 3})
OTHER = Ancestor("other", 50, phantom=False)


@pytest.fixture
def spec(tmp_path):
    def trained_on(*ancestors):
        card = {"format": 1, "ancestry": [vars(each) for each in ancestors]}
        (tmp_path / "card.json").write_text(json.dumps(card))
        return MedSegFactorySpec(start=tmp_path)

    return trained_on


def of(source, pairs):
    return Ancestor(source.build().digest, pairs, phantom=True)


def seen(spec, source):
    return seen_by(spec.checkpoints, source, source.build().digest)


def test_what_a_card_and_a_limit_say(spec):
    assert seen(spec(of(WHOLE, 8)), WHOLE) == Seen("whole", 8)
    assert seen(spec(of(FEW, 3)), FEW) == Seen("limited", 3)
    assert seen(spec(OTHER, of(FEW, 3)), FEW) == Seen("limited", 3, others=True)
    assert seen(spec(OTHER), WHOLE) == Seen(others=True)
    # Fine-tuned on few, but its start had seen them all.
    assert seen(spec(of(WHOLE, 8), of(FEW, 3)), FEW).own == "whole"
    assert seen(spec(of(WHOLE, 8)), FEW) == Seen("whole", 8)
    # Phantoms of another set are nobody's images.
    assert seen(spec(Ancestor("other", 50, phantom=True)), WHOLE) == NOTHING_SEEN


def test_a_limit_within_a_union_counts_for_the_whole(spec):
    other = PhantomSource(domains=("phantom-colonoscopy",), train=4)
    whole = UnionSource(parts={"breast": WHOLE, "colon": other})
    few = UnionSource(parts={"breast": FEW, "colon": other})
    assert seen(spec(of(whole, 12)), whole) == Seen("whole", 12)
    assert seen(spec(of(few, 7)), few) == Seen("limited", 7)
    assert seen(spec(of(whole, 12), of(few, 7)), few).own == "whole"
    assert seen(spec(OTHER), few) == Seen(others=True)


def test_rows_of_three_real_images(spec):
    told = {
        "strict": [of(FEW, 3)],
        "adapted": [OTHER, of(FEW, 3)],
        "transfer": [OTHER],
        "full": [of(WHOLE, 8), of(FEW, 3)],
    }
    for name, ancestors in told.items():
        assert provenance(seen(spec(*ancestors), FEW), 3) == name


def test_a_renderer_saw_nothing_and_no_card_is_unknown(tmp_path):
    assert seen(PhantomGeneratorSpec(), WHOLE) == NOTHING_SEEN
    assert seen(MedSegFactorySpec(start=tmp_path), WHOLE) == UNKNOWN


def test_ancestors_are_handed_down():
    first = with_ancestor(None, OTHER)
    then = with_ancestor({"ancestry": first}, of(FEW, 3))
    assert ancestry_of({"ancestry": then}) == (OTHER, of(FEW, 3))
    assert with_ancestor({}, OTHER) is None
    assert ancestry_of({"ancestry": None}) is None


def test_cards_of_before_tell_their_one_data_set_or_nothing():
    card = {"source_digest": "d", "pairs": 5, "from": None, "domains": [{"phantom": False}]}
    assert ancestry_of(card) == (Ancestor("d", 5, phantom=False),)
    assert ancestry_of(card | {"from": "base"}) is None
