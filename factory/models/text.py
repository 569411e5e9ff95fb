"""Text encoders: transformers' CLIP classes at every size, small ones trained here."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from factory.errors import InputError
from factory.models.tokenizer import train_tokenizer, words
from factory.settings import TextTraining
from factory.training.sentences import Sentence
from factory.training.steps import Progress, step_generator

SMALL_DIM = 64
SMALL_LENGTH = 64  # the longest prompt of the vocabulary, all 15 classes of one domain, takes 50
WORDS_FILE = "words.txt"

# It draws a bar for every file it reads or writes, which take milliseconds here.
transformers_logging.disable_progress_bar()


class TextEncoder:
    """Texts to states (B, L, D); frozen.

    Args:
        tokenizer: a CLIP tokenizer.
        model: a CLIP text model; set to inference.
        known: words the model was trained on; None for hub models, which know their language.
    """

    def __init__(
        self, tokenizer: CLIPTokenizer, model: CLIPTextModel, known: Sequence[str] | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.model = model.eval().requires_grad_(False)
        self.known = None if known is None else frozenset(known)

    @property
    def dim(self) -> int:
        """D, the width of a state."""
        return int(self.model.config.hidden_size)

    @property
    def length(self) -> int:
        """L, the tokens of every text, both ends and padding included."""
        return int(self.model.config.max_position_embeddings)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return next(self.model.parameters()).device

    def to(self, device: torch.device | str) -> Self:
        """Moves the model, in place."""
        self.model.to(device)
        return self

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Last hidden states (B, L, D), float32, on the model's device.

        A text's states do not depend on its neighbours, to the bit.

        Raises:
            InputError: if a text has more than `length` tokens.
        """
        # One at a time: the same row of a larger product may differ in its last bit.
        states = {text: self._encode(text) for text in dict.fromkeys(texts)}
        return torch.stack([states[text] for text in texts])

    def unknown_words(self, text: str) -> list[str]:
        """Words the model never met, which therefore say nothing to it; [] for hub models."""
        return [] if self.known is None else [w for w in words(text) if w not in self.known]

    def shortened(self, text: str) -> str:
        """The text without the last words, as many as the model would not read."""
        kept = text.split()
        while kept and len(self.tokenizer(" ".join(kept))["input_ids"]) > self.length:
            kept.pop()
        return text if len(kept) == len(text.split()) else " ".join(kept)

    def save(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Writes `text_encoder/` (safetensors, stored as `dtype`) and `tokenizer/`."""
        stored = copy.deepcopy(self.model).to(dtype)
        stored.save_pretrained(folder / "text_encoder")
        self.tokenizer.save_pretrained(folder / "tokenizer")
        if self.known is not None:
            listed = "".join(f"{word}\n" for word in sorted(self.known))
            (folder / "tokenizer" / WORDS_FILE).write_text(listed)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote, or the same two folders of a hub model; weights as float32.

        Raises:
            InputError: if one of the two is not there, or the weights are not all there.
        """
        for part in ("text_encoder", "tokenizer"):
            if not (folder / part).is_dir():
                raise InputError(
                    f"{folder} has no {part}/: without it prompts cannot be read; give a folder "
                    "with unet/, vae/, text_encoder/, tokenizer/ and scheduler/"
                )
        model, report = CLIPTextModel.from_pretrained(
            folder / "text_encoder",
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        # transformers would fill these with random numbers and go on.
        if absent := sorted(report["missing_keys"]):
            raise InputError(
                f"{folder / 'text_encoder'} lacks {len(absent)} weights ({absent[0]}, ...): prompts "
                "would be read as noise; give the text encoder of the checkpoint itself"
            )
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        listed = folder / "tokenizer" / WORDS_FILE
        return cls(tokenizer, model, listed.read_text().split() if listed.exists() else None)

    def _encode(self, text: str) -> Tensor:
        return self.model(self.tokens([text]).to(self.device)).last_hidden_state[0]

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Token numbers (B, L), padded.

        Raises:
            InputError: if a text has more than `length` tokens.
        """
        numbers = self.tokenizer(list(texts), padding="max_length", max_length=self.length)
        for text, row in zip(texts, numbers["input_ids"], strict=True):
            if len(row) > self.length:
                raise InputError(
                    f"the prompt {text[:60]!r}... has {len(row)} tokens and the text encoder reads "
                    f"{self.length}: the rest would be ignored; shorten its free text"
                )
        return torch.tensor(numbers["input_ids"])


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
