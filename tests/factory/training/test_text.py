"""A small text encoder, really trained: prompts that differ are far apart."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from factory.models.text import TextEncoder
from factory.prompts.captions.wording import words
from factory.settings import TextTraining
from factory.training.sentences import Sentence, corpus
from factory.training.text import new_text_encoder, teach, train_text_encoder
from factory.vocabulary import Domain, load_vocabulary

NAMES = ("phantom-chest-xray", "phantom-breast-us")


def sentences_of(names=NAMES) -> list[Sentence]:
    domains: Mapping[str, Domain] = load_vocabulary().domains
    return corpus({name: domains[name] for name in names})


@pytest.fixture(scope="module")
def trained() -> tuple[TextEncoder, list[Sentence]]:
    sentences = sentences_of()
    encoder = new_text_encoder([sentence.text for sentence in sentences])
    section = TextTraining(steps=120, batch=12, learning_rate=6e-3)
    last = [*teach(encoder, sentences, section, seed=0)][-1]
    assert last.losses["facets_right"] > 0.9
    return encoder, sentences


def separation(encoder: TextEncoder, texts: list[str]) -> float:
    """Distance of the nearest two distinct prompts, in units of the prompts' mean spread."""
    states = encoder(texts).flatten(1)
    distance = torch.cdist(states, states) + torch.diag(torch.full((len(texts),), torch.inf))
    return float(distance.min() / (states - states.mean(0)).norm(dim=1).mean())


def test_distinct_prompts_have_clearly_distinct_states(trained):
    encoder, sentences = trained
    assert separation(encoder, [sentence.text for sentence in sentences]) > 0.1


def test_a_linear_probe_recovers_the_finding(trained):
    encoder, sentences = trained
    # Ridge regression on half of the prompts, read on the other half.
    target = torch.tensor([float("finding=pneumonia" in s.labels) for s in sentences])
    states = encoder([sentence.text for sentence in sentences]).mean(1)
    weights = fit(states[::2], target[::2])
    predicted = torch.cat([states, torch.ones(len(states), 1)], 1) @ weights > 0.5
    assert float((predicted == target.bool())[1::2].float().mean()) > 0.95


def fit(states: Tensor, target: Tensor) -> Tensor:
    inputs = torch.cat([states, torch.ones(len(states), 1)], 1)
    return torch.linalg.solve(
        inputs.T @ inputs + 0.1 * torch.eye(inputs.shape[1]), inputs.T @ target
    )


def test_training_is_repeatable():
    def losses() -> list[float]:
        sentences = sentences_of(NAMES[1:])
        encoder = new_text_encoder([sentence.text for sentence in sentences])
        section = TextTraining(steps=3, batch=8)
        return [step.losses["text"] for step in teach(encoder, sentences, section, seed=5)]

    assert losses() == losses()


def test_every_prompt_of_the_vocabulary_fits():
    sentences = corpus(load_vocabulary().domains)
    encoder = new_text_encoder([sentence.text for sentence in sentences])
    assert encoder.tokens([sentence.text for sentence in sentences]).shape[1] == 64


@pytest.mark.slow
def test_the_whole_vocabulary_is_learned_in_a_minute():
    training = train_text_encoder(
        corpus(load_vocabulary().domains), TextTraining(learning_rate=3e-3), seed=0
    )
    last, encoder = None, None
    while encoder is None:
        try:
            last = next(training)
        except StopIteration as end:
            encoder = end.value
    # Three domains share their title, and prompts of a class they share: those have no answer.
    assert last.losses["facets_right"] > 0.85
    texts = {sentence.text for sentence in corpus(load_vocabulary().domains)}
    assert separation(encoder, sorted(texts)) > 0.1
    assert set(words("a photo of abdomen CT scans label, with kidney tumor.")) <= encoder.known
