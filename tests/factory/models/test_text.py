from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from factory.errors import InputError
from factory.models.text import TextEncoder, new_text_encoder, teach, train_text_encoder
from factory.settings import TextTraining
from factory.training.sentences import Sentence, corpus
from factory.vocabulary import Domain, load_vocabulary

NAMES = ("phantom-chest-xray", "phantom-breast-us")


def lessons(names=NAMES) -> list[Sentence]:
    domains: Mapping[str, Domain] = load_vocabulary().domains
    return corpus({name: domains[name] for name in names})


@pytest.fixture(scope="module")
def trained() -> tuple[TextEncoder, list[Sentence]]:
    sentences = lessons()
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


def test_states_are_frozen_float32_of_a_fixed_length(trained):
    encoder, _ = trained
    states = encoder(["", "a photo of a chest", "lung"])
    assert states.shape == (3, encoder.length, encoder.dim) == (3, 64, 64)
    assert states.dtype == torch.float32
    assert not states.requires_grad


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


def test_a_text_has_the_same_states_in_any_company(trained):
    encoder, sentences = trained
    texts = [sentence.text for sentence in sentences[:5]]
    assert torch.equal(encoder(texts)[3], encoder([texts[3]])[0])
    assert torch.equal(encoder([texts[1], texts[1]])[1], encoder(texts)[1])


def test_saved_and_loaded_it_says_the_same(trained, tmp_path):
    encoder, _ = trained
    encoder.save(tmp_path)
    again = TextEncoder.load(tmp_path)
    text = ["a photo of chest X-ray phantom image, with heart, and a zebra."]
    assert torch.equal(encoder(text), again(text))
    assert again.unknown_words(text[0]) == ["and", "zebra"]


def test_stored_in_half_precision_it_says_nearly_the_same(trained, tmp_path):
    encoder, _ = trained
    encoder.save(tmp_path, torch.float16)
    again = TextEncoder.load(tmp_path)
    assert next(again.model.parameters()).dtype == torch.float32
    assert next(encoder.model.parameters()).dtype == torch.float32
    torch.testing.assert_close(encoder(["heart"]), again(["heart"]), atol=0.02, rtol=0.02)


def test_the_older_hub_layout_of_a_tokenizer_is_read(trained, tmp_path):
    # Stable Diffusion 1.5 ships vocab.json and merges.txt, and no tokenizer.json.
    encoder, _ = trained
    encoder.save(tmp_path)
    encoder.tokenizer.backend_tokenizer.model.save(str(tmp_path / "tokenizer"))
    (tmp_path / "tokenizer" / "tokenizer.json").unlink()
    (tmp_path / "tokenizer" / "words.txt").unlink()
    again = TextEncoder.load(tmp_path)
    text = ["a photo of chest X-ray phantom image, with heart."]
    assert torch.equal(encoder(text), again(text))
    assert again.unknown_words("zebra") == []


def test_a_folder_without_tokenizer_is_refused(trained, tmp_path):
    trained[0].save(tmp_path)
    for file in (tmp_path / "tokenizer").iterdir():
        file.unlink()
    (tmp_path / "tokenizer").rmdir()
    with pytest.raises(InputError, match="has no tokenizer/"):
        TextEncoder.load(tmp_path)


def test_a_prompt_too_long_to_be_read_whole_is_refused(trained):
    with pytest.raises(InputError, match="has 102 tokens and the text encoder reads 64"):
        trained[0](["lung " * 100])


def test_training_is_repeatable():
    def losses() -> list[float]:
        sentences = lessons(NAMES[1:])
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
    assert not encoder.unknown_words("a photo of abdomen CT scans label, with kidney tumor.")
