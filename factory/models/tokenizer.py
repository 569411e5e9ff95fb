"""A CLIP tokenizer for a small vocabulary: byte-level BPE that knows each word of a corpus whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

WORD_END = "</w>"
SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def train_tokenizer(texts: Iterable[str], length: int) -> CLIPTokenizer:
    """A tokenizer under which every word of `texts` is one token.

    Other words fall into pieces, down to bytes, so that no text is unreadable.

    Args:
        texts: the sentences to learn the words of; their order does not matter.
        length: tokens of every text once padded, both ends included.
    """
    blank = CLIPTokenizer().backend_tokenizer
    spellings = {
        piece
        for text in texts
        for piece, _ in blank.pre_tokenizer.pre_tokenize_str(blank.normalizer.normalize_str(text))
    }
    merges = learn_merges(spellings)
    # As in CLIP's own vocabulary all bytes come first, alone and at a word's end: a byte without
    # a token would be read as the end of the text.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [*alphabet, *(letter + WORD_END for letter in alphabet)]
    tokens = dict.fromkeys([*SPECIAL, *letters, *("".join(pair) for pair in merges)])
    numbered = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=numbered, merges=merges, model_max_length=length)


def learn_merges(spellings: Iterable[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, commonest first, until every spelling is one token.

    Ours and not `tokenizers.trainers.BpeTrainer`, whose ties fall differently from run to run: the
    same training must give the same weights.

    Source: Sennrich, Haddow & Birch 2016, ACL, algorithm 1.
    """
    spelled = [[*word[:-1], word[-1] + WORD_END] for word in sorted(spellings)]
    merges = []
    while counts := Counter(pair for word in spelled for pair in pairwise(word)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        spelled = [_merged(word, best) for word in spelled]
    return merges


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for token in word:
        if merged and (merged[-1], token) == pair:
            merged[-1] += token
        else:
            merged.append(token)
    return merged
