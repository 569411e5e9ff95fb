import math

import numpy as np
import pytest
import torch
from torch import nn

from evaluation.networks.training_loop import sample_rows, train_loop


def falling(target=3.0):
    network = nn.Linear(1, 1)
    return network, lambda: (network(torch.ones(4, 1)) - target).square().mean()


def test_parts_have_equal_shares_and_the_first_ones_what_is_left():
    usable = [np.arange(3), np.arange(10, 40)]
    first, second = sample_rows(usable, 7, np.random.default_rng(0))
    assert (len(first), len(second)) == (4, 3)
    assert set(first) <= {0, 1, 2}
    assert min(second) >= 10


def test_rows_are_drawn_part_after_part_from_one_stream():
    # Judges that were trained before must be trained the same again.
    usable = [np.arange(5), np.arange(9)]
    rng = np.random.default_rng(3)
    expected = [rng.choice(at, 2) for at in usable]
    found = sample_rows(usable, 4, np.random.default_rng(3))
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_row_without_a_chance_is_never_drawn():
    (rows,) = sample_rows([np.arange(3)], 60, np.random.default_rng(0), [np.array([0.5, 0, 0.5])])
    assert set(rows) == {0, 2}


def test_it_descends_and_counts():
    network, loss = falling()
    steps = list(train_loop(network, loss, steps=40, learning_rate=0.3))
    assert [s.number for s in steps] == list(range(1, 41))
    assert steps[-1].loss < steps[0].loss / 10
    assert {s.validation for s in steps} == {None}


def test_the_rate_rises_and_falls(monkeypatch):
    rates = []

    class Watched(torch.optim.AdamW):
        def step(self, *args):
            rates.append(self.param_groups[0]["lr"])
            return super().step(*args)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    network, loss = falling()
    list(train_loop(network, loss, steps=100, learning_rate=1.0))
    # Warm-up over 5 steps; a cosine; at the end 5 % are left.
    np.testing.assert_allclose(rates[:2], [0.2, 0.4], rtol=1e-2)
    assert rates[50] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0.05)
    assert max(rates) > 0.99


def test_a_loss_that_is_not_finite_stops_training():
    network, loss = falling(target=math.inf)
    with pytest.raises(ValueError, match="loss inf at step 1 is not finite"):
        list(train_loop(network, loss, steps=2, learning_rate=0.1))
