import numpy as np
import pytest
import torch
from torch.nn import functional

from evaluation.errors import InputError
from evaluation.features.simclr_encoder import (
    instance_loss,
    load_encoder,
    new_encoder,
    save_encoder,
    train_encoder,
    viewed,
)
from evaluation.networks.weights import DamagedError


def trained(pairs, steps=4, seed=0, classes=("disc",)):
    encoder = new_encoder(pairs.images.shape[-1], classes, seed=seed)
    return encoder, list(train_encoder(encoder, pairs, steps=steps, seed=seed))


def test_training_follows_from_the_seed_alone(discs):
    pairs, before = discs(6, size=32), torch.random.get_rng_state()
    (first, steps), (again, _), (other, _) = (trained(pairs, seed=s) for s in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len(first.fingerprint) == 12
    assert [step.number for step in steps] == [1, 2, 3, 4]
    assert torch.equal(before, torch.random.get_rng_state())


def test_every_weight_is_in_the_fingerprint(discs):
    encoder, _ = trained(discs(4, size=32), steps=1)
    told = encoder.fingerprint
    encoder.network.stages[2][1].running_mean[3] += 1e-3
    assert encoder.fingerprint != told


def test_it_learns_to_tell_pairs_apart(discs):
    _, steps = trained(discs(16, size=32), steps=40)
    losses = [step.loss for step in steps]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3


def test_the_loss_by_hand():
    # Two pairs whose views agree wholly and are at right angles to the other's:
    # -log(e⁵ / (e⁵ + 2 e⁰)) with a temperature of 1 / 5.
    views = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert instance_loss(views).item() == pytest.approx(np.log(1 + 2 * np.exp(-5)), rel=1e-5)


def test_the_loss_agrees_with_its_definition():
    views = functional.normalize(torch.from_numpy(np.random.default_rng(0).normal(size=(8, 5))))
    total = 0.0
    for i in range(8):
        others = [torch.exp(views[i] @ views[k] / 0.2) for k in range(8) if k != i]
        partner = torch.exp(views[i] @ views[(i + 4) % 8] / 0.2)
        total -= torch.log(partner / sum(others)).item() / 8
    assert instance_loss(views).item() == pytest.approx(total)


def test_views_are_cropped_as_pairs_and_neither_blurred_nor_noisy(discs):
    rng = torch.Generator().manual_seed(0)
    pairs = torch.zeros(4, 2, 32, 32)
    pairs[:, :, 8:24, 8:24] = 1
    views = viewed(pairs, 1, rng)
    assert not torch.equal(views[:, 1], pairs[:, 1])
    for view in views:
        # The image still has two levels, exactly where the mask has them: nothing was smoothed.
        assert len(view[0].unique()) == 2
        assert view[1].unique().tolist() == [0, 1]
        assert len(view[0][view[1] == 1].unique()) == 1


def test_one_pair_teaches_nothing_and_does_no_harm(discs):
    pairs = discs(1, size=32)
    encoder, steps = trained(pairs, steps=2)
    assert [step.loss for step in steps] == [0, 0]
    assert np.isfinite(encoder.groups(pairs.images, pairs.masks)["encoder"]).all()


def test_no_masks_are_nothing_to_learn_from(discs):
    pairs = discs(3, size=32)
    pairs.has_mask[:] = False
    with pytest.raises(InputError, match="nothing to learn"):
        trained(pairs)


def test_a_saved_encoder_reads_the_same(discs, tmp_path):
    pairs = discs(4, size=32)
    encoder, _ = trained(pairs, steps=2)
    save_encoder(encoder, tmp_path)
    again = load_encoder(tmp_path, 1, ("disc",))
    assert again.fingerprint == encoder.fingerprint
    tables = [e.groups(pairs.images, pairs.masks)["encoder"] for e in (encoder, again)]
    np.testing.assert_array_equal(*tables)


def test_what_is_no_encoder_is_refused(discs, tmp_path):
    with pytest.raises(DamagedError, match=r"holds no encoder\.safetensors"):
        load_encoder(tmp_path / "none", 1, ("disc",))
    save_encoder(new_encoder(1, ("disc",), seed=0), tmp_path)
    with pytest.raises(DamagedError, match="weights of another encoder than one of 2 classes"):
        load_encoder(tmp_path, 3, ("left", "right"))
    (tmp_path / "encoder.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(DamagedError, match="train it again"):
        load_encoder(tmp_path, 1, ("disc",))
