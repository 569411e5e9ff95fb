"""Texts longer than the encoder reads: told before training, cut in training."""

import logging
from dataclasses import replace

import pytest

from factory.errors import InputError
from factory.prompts.prompt import Prompt
from factory.training.medsegfactory import medsegfactory
from factory.training.prompt_lengths import check_prompt_lengths, encoder_to_be, tell_long_rows

REPORT = "The costophrenic angles are sharp, and bones show degenerative change. " * 12


@pytest.fixture(scope="module")
def encoder(data):
    return encoder_to_be(None, data.domains, seed=0)


@pytest.fixture(scope="module")
def reports(data):
    """The training data, every other row of which has a long report."""
    texts = [REPORT if row % 2 else "clear" for row in range(len(data.train))]
    facets = data.train.facets.assign(text=texts)
    return replace(data, train=replace(data.train, facets=facets))


def test_39_long_training_texts_are_told_by_row_and_number(encoder, reports, caplog):
    with caplog.at_level(logging.WARNING):
        tell_long_rows(encoder, reports.train, reports.domains)
    half = len(reports.train) // 2
    first = reports.train.facets["name"].iloc[1]
    assert f"texts of {half} of {2 * half} training pairs ({first}, " in caplog.text


def test_39_texts_that_fit_are_not_told(encoder, data, caplog):
    tell_long_rows(encoder, data.train, data.domains)
    assert not caplog.text


def test_39_long_training_texts_are_cut(encoder, reports):
    system = medsegfactory(reports, "tiny", "joint", None, seed=0)
    lines = system.texts(reports.train, encoder)(0)
    assert not any(encoder.is_too_long(line) for both in lines for line in both)
    assert "costophrenic" in lines[1][0]
    encoder([line for both in lines for line in both])


def test_39_a_long_prompt_is_refused_before_anything_is_trained(encoder, data):
    domain = next(iter(data.domains.values()))
    with pytest.raises(InputError, match="2 prompts are longer than the 64 tokens"):
        check_prompt_lengths(encoder, [Prompt.about(domain, (), "", REPORT)])
    check_prompt_lengths(encoder, [Prompt.about(domain, domain.classes)])
