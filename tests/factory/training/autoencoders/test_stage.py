"""The autoencoder's stage: either kind, and never one trained as the other."""

import pytest
import torch

from factory.errors import InputError
from factory.models.autoencoders.coarse import CoarseAutoencoder
from factory.models.autoencoders.kl import KLAutoencoder
from factory.settings import AutoencoderTraining, CoarseTraining, TrainSection
from factory.training.autoencoders.stage import trained, untrained

KINDS = {
    KLAutoencoder: AutoencoderTraining(factor=4, steps=1, batch=2),
    CoarseAutoencoder: CoarseTraining(steps=1, batch=2, width=8),  # of each of two decoders
}


def noise(count=4):
    return torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_section_makes_an_autoencoder_of_its_kind(kind, tmp_path):
    section = KINDS[kind]
    made = untrained(noise(), noise(), section, seed=0)
    assert isinstance(made, kind)
    assert made.kind == section.kind
    assert made.factor == section.factor
    streams = [made.encode(noise(2).float() / 127.5 - 1) for _ in range(2)]
    assert streams[0].shape == (2, made.channels, 8, 8)
    assert [x.shape for x in made.decode_streams(streams, [1, 2])] == [(2, 3, 32, 32)] * 2
    steps = list(trained(made, noise(), noise(), section, 0, tmp_path / "resume"))
    assert [step.step for step in steps] == list(range(1, steps[0].steps + 1))


def test_one_kind_is_not_trained_as_the_other(tmp_path):
    made = untrained(noise(), noise(), KINDS[KLAutoencoder], seed=0)
    with pytest.raises(InputError, match="has an autoencoder of kind kl"):
        trained(made, noise(), noise(), KINDS[CoarseAutoencoder], 0, tmp_path / "resume")


def test_the_first_kind_is_meant_where_none_is_told_and_enters_no_identity():
    first = TrainSection.model_validate({"autoencoder": {"factor": 4}})
    assert isinstance(first.autoencoder, AutoencoderTraining)
    assert "kind" not in first.model_dump(mode="json")["autoencoder"]
    assert first == TrainSection.model_validate({"autoencoder": {"kind": "kl", "factor": 4}})


def test_the_other_kind_comes_back_as_it_was_written():
    section = TrainSection.model_validate({"autoencoder": {"kind": "coarse", "steps": 7}})
    dumped = section.model_dump(mode="json")
    assert dumped["autoencoder"]["kind"] == "coarse"
    assert TrainSection.model_validate(dumped) == section
    with pytest.raises(ValueError, match="energy"):
        TrainSection.model_validate({"autoencoder": {"kind": "coarse", "energy": 0.1}})
