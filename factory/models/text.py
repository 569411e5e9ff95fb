"""Text encoders: transformers' CLIP classes at every size, reading texts whole or by clause."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from factory.errors import InputError

WORDS_FILE = "words.txt"
CLAUSE = re.compile(r"[^,.;:]+")

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

    def is_too_long(self, text: str) -> bool:
        """Whether the model would not read the text to its end."""
        return len(self.tokenizer(text, verbose=False)["input_ids"]) > self.length

    def shortened(self, text: str) -> str:
        """The text without the last words, as many as the model would not read."""
        if not self.is_too_long(text):
            return text
        # A word is a token at least, so what lies beyond need not be looked at.
        kept = text.split()[: self.length]
        while kept and self.is_too_long(" ".join(kept)):
            kept.pop()
        return " ".join(kept)

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
            Exception: whatever tokenizers raises at files that are damaged.
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
        found = cls(tokenizer, model, listed.read_text().split() if listed.exists() else None)
        # A tokenizer complains of a damaged configuration only when it is used.
        found.is_too_long("")
        found.tokens([""])
        return found

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


class ClauseEncoder(TextEncoder):
    """A text encoder that reads every clause on its own.

    A transformer hands what one word says to all that follow it, and to the padding behind them: a
    network told "right lung, heart" can look at the padding to paint both, and at "heart" to paint
    the lung. Here a clause's tokens never hear of other clauses, and whatever is no word is as in
    the empty text. Tokens keep their places, so states line up with those of the whole text.

    Source: noun phrases are encoded apart in Feng et al. 2023, arXiv 2212.05032; padding that is as
    in the empty text is ours.
    """

    def _encode(self, text: str) -> Tensor:
        self.tokens([text])  # refuses what is too long
        states = super()._encode("").clone()
        spans = self.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        for clause in CLAUSE.finditer(text):
            start, stop = clause.span()
            places = [i for i, (a, b) in enumerate(spans) if start <= a < b <= stop]
            # The first state is that of the beginning.
            states[places] = super()._encode(clause[0])[1 : 1 + len(places)]
        return states


def by_clause(text: TextEncoder) -> ClauseEncoder:
    """The same encoder, reading every clause on its own."""
    known = None if text.known is None else sorted(text.known)
    return ClauseEncoder(text.tokenizer, text.model, known)
