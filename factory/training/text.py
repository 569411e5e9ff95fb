"""Trains a small text encoder to tell the prompts of a vocabulary apart."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from factory.models.checkpoints import Components, Network
from factory.models.text import TextEncoder
from factory.models.tokenizer import train_tokenizer
from factory.prompts.captions.wording import words
from factory.settings import TextTraining, TrainSection
from factory.training.resume import save_whole
from factory.training.sentences import Sentence
from factory.training.steps import Progress, step_generator

SMALL_DIM = 64
SMALL_LENGTH = 64  # the longest prompt of the vocabulary, all 15 classes of one domain, takes 50


def new_text_encoder(texts: Sequence[str], seed: int = 0) -> TextEncoder:
    """A small untrained encoder (2 layers, 64 wide) whose tokenizer knows the words of `texts`."""
    tokenizer = train_tokenizer(texts, SMALL_LENGTH)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=SMALL_DIM,
        intermediate_size=4 * SMALL_DIM,
        projection_dim=SMALL_DIM,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=SMALL_LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIPTextModel(config)
    known = {word for text in texts for word in words(text)}
    return TextEncoder(tokenizer, model, sorted(known))


def train_text_encoder(
    sentences: Sequence[Sentence], section: TextTraining, seed: int
) -> Generator[Progress, None, TextEncoder]:
    """Trains a small encoder to tell sentences apart; yields each step and returns the encoder."""
    encoder = new_text_encoder([sentence.text for sentence in sentences], seed)
    yield from teach(encoder, sentences, section, seed)
    return encoder


def teach(
    encoder: TextEncoder, sentences: Sequence[Sentence], section: TextTraining, seed: int
) -> Iterator[Progress]:
    """Trains an encoder in place until a linear head reads every facet off its mean state.

    Yields:
        Each step's loss `text` and the share of its sentences with all facets right.
    """
    tokens = encoder.tokens([sentence.text for sentence in sentences])
    targets = _targets(sentences)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(encoder.dim, targets.shape[1])
    model = encoder.model.train().requires_grad_(True)
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()])
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, section.learning_rate, total_steps=section.steps + 1
    )
    for step in range(1, section.steps + 1):
        draw = step_generator(seed, step)
        rows = torch.randint(len(sentences), (section.batch,), generator=draw)
        facets = head(model(tokens[rows]).last_hidden_state.mean(1))
        loss = F.binary_cross_entropy_with_logits(facets, targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        right = ((facets > 0) == targets[rows].bool()).all(1).float().mean()
        losses = {"text": loss.item(), "facets_right": right.item()}
        yield Progress("text", step, section.steps, losses)
    model.eval().requires_grad_(False)


def _targets(sentences: Sequence[Sentence]) -> Tensor:
    """(S, facets) float, 1 where a sentence tells a facet."""
    facets = sorted({label for sentence in sentences for label in sentence.labels})
    return torch.tensor(
        [[float(facet in sentence.labels) for facet in facets] for sentence in sentences]
    )


def text_stage(
    start: Components[Network] | None,
    sentences: Sequence[Sentence],
    section: TrainSection,
    folder: Path,
) -> Generator[Progress, None, TextEncoder]:
    """The text encoder of `start`, a pretrained one, or a small one trained on these sentences."""
    if start is not None:
        return start.text
    if section.text.start is not None:
        return TextEncoder.load(section.text.start)
    done = folder / "text"
    if not done.is_dir():
        torch.manual_seed(section.seed)
        text = yield from train_text_encoder(sentences, section.text, section.seed)
        save_whole(text.save, done)
    return TextEncoder.load(done)
