"""What a picture would lose without a word: the change of a prediction, place by place.

Attention says where a network looks for a word, not whether the word made a difference there. The
same noisy image is therefore denoised twice, with a caption that names a structure and with one
that denies it; where the two predictions part, the word paints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from factory.prompts.captions.wording import load_wording


def named_and_denied(title: str, structures: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
    """A plain caption that names every structure, and for each the same that denies it.

    Each word has a clause of its own, as captions have that the model learns from, so the texts of
    a pair differ in nothing but the clauses of one structure.

    Args:
        title: of what is shown.
        structures: K of them, each by its word, or by those of its halves; words that the text
            encoder knows.
    """
    wording = load_wording()

    def caption(denied: int | None) -> str:
        clauses = [
            (wording.absent if k == denied else wording.present)[0].format(names=word)
            for k, words in enumerate(structures)
            for word in words
        ]
        return ", ".join([title, *clauses])

    return caption(None), [caption(k) for k in range(len(structures))]


def contrasts(named: Sequence[Tensor], denied: Iterable[Sequence[Tensor]]) -> Tensor:
    """(B, K, h, w): root mean squared change of the predictions, over noise levels and channels.

    In units of each image's predictions: 1 is a change as large as they are. Levels need no
    weights: a word changes most where the network makes up what it names, great structures under
    much noise and small ones under little.

    Args:
        named: predictions (B, C, h, w), one at each noise level.
        denied: for each of K structures those of the caption that denies it, at the same levels of the same noise.

    Source: the difference of noise estimates under two texts is DiffEdit's mask (Couairon et al.
    2023, ICLR, arXiv 2210.11427, section 3.2).
    """
    with_all = torch.stack(tuple(named))
    changes = [(with_all - torch.stack(tuple(rest))).square().mean((0, 2)) for rest in denied]
    size = with_all.square().mean((0, 2, 3, 4)).clamp(min=1e-12)
    return (torch.stack(changes, 1) / size[:, None, None, None]).sqrt()
