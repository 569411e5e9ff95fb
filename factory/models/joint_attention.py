"""Joint cross-attention (JCA): how an image and its mask look at each other inside the UNet.

Everywhere below the first half of the batch is the image stream and the second half the mask
stream, pairs in the same order in both. `DualStreamUNet` sets that up; nobody else needs to know.
"""

from __future__ import annotations

from functools import cache
from math import isqrt
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch user knows)
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

WINDOW = 8  # cells on the side of the largest grid whose tokens all meet


def attend(
    query: Tensor, key: Tensor, value: Tensor, heads: int, bias: Tensor | None = None
) -> Tensor:
    """Multi-head attention of tokens (B, N, D) on tokens (B, M, D); returns (B, N, D).

    Runs in scaled_dot_product_attention: the (N, M) map never exists as a tensor of its own.
    `bias` (heads, N, M) is added to the scores.
    """
    query, key, value = (
        tokens.unflatten(-1, (heads, -1)).transpose(1, 2) for tokens in (query, key, value)
    )
    # In four dimensions it takes the fused kernel, which is faster on a CPU.
    mask = None if bias is None else bias[None]
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return mixed.transpose(1, 2).flatten(2)


def halves(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Image tokens and mask tokens of a batch that stacks the two streams."""
    if len(tokens) % 2:
        raise ValueError(
            f"a batch of {len(tokens)} cannot hold two streams: the coupled UNet takes the images "
            "and then their masks. Call DualStreamUNet, which stacks them."
        )
    image, mask = tokens.chunk(2)
    return image, mask


class OfficialAttention(nn.Module):
    """JCA of the public MedSegFactory weights: each stream keeps its values, borrows the query.

    The mask asks and the image answers; then the image so updated asks and the mask answers. The
    order matters: a symmetric form differs by up to 10 % and does not fit the public weights.

    Source: arXiv 2504.06897, as its public code runs (the figure draws the symmetric form).
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.to_q_mask, self.to_k_mask, self.to_v_mask = (
            nn.Linear(dim, dim, bias=False) for _ in range(3)
        )
        # A list, because the public key is `to_out.0`.
        self.to_out = nn.ModuleList([nn.Linear(dim, dim)])

    def forward(self, tokens: Tensor) -> Tensor:
        """What JCA adds to the feed-forward's input; (2B, N, D) to (2B, N, D)."""
        image, mask = halves(tokens)
        image = attend(self.to_q(mask), self.to_k(image), self.to_v(image), self.heads)
        mask = attend(self.to_q_mask(image), self.to_k_mask(mask), self.to_v_mask(mask), self.heads)
        return self.to_out[0](torch.cat([image, mask]))


class JointAttention(nn.Module):
    """Self-attention over the tokens of both streams at once, silent until trained.

    Content does cross between the streams here. A learned embedding tells them apart, and a gate
    that starts at zero makes the fresh network equal to the uncoupled one. Each head looks at the
    tokens around its own place in BOTH streams, from one cell to the whole picture: image and
    mask must agree place by place, and attention without that start took thousands of steps to
    find its counterpart. Grids larger than 8 x 8 are cut into windows: what lies farther apart
    meets on the coarser levels.

    Sources: the distance bias is ALiBi's (arXiv 2108.12409) in two dimensions, the windows are
    Swin's (arXiv 2103.14030).
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.stream = nn.Parameter(0.02 * torch.randn(2, dim))
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim)
        self.gate = nn.Parameter(torch.zeros(dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """What JCA adds to the residual stream; (2B, N, D) to (2B, N, D)."""
        image, mask = halves(self.norm(tokens))
        both = torch.stack([image + self.stream[0], mask + self.stream[1]], dim=1)
        side = isqrt(tokens.shape[1])
        windows = cut(both, min(side, WINDOW))
        query, key, value = self.to_qkv(windows).chunk(3, dim=-1)
        near = nearness(windows.shape[1] // 2, self.heads).to(windows).repeat(1, 2, 2)
        mixed = self.to_out(attend(query, key, value, self.heads, near))
        return self.gate * torch.cat(joined(mixed, side).unbind(1))


def cut(streams: Tensor, window: int) -> Tensor:
    """Both streams of each window in one row; (B, 2, N, D) to (B * windows, 2 * window², D).

    Raises:
        ValueError: if the N places are no square that such windows tile.
    """
    batch, _, places, dim = streams.shape
    side = isqrt(places)
    if side * side != places or side % window:
        raise ValueError(
            f"{places} places do not tile into {window} x {window} windows: latents must be "
            "square, and their sides a multiple of the window"
        )
    grid = streams.view(batch, 2, side // window, window, side // window, window, dim)
    return grid.permute(0, 2, 4, 1, 3, 5, 6).reshape(-1, 2 * window * window, dim)


def joined(windows: Tensor, side: int) -> Tensor:
    """The reverse of `cut`; (B * windows, 2 * window², D) to (B, 2, side², D)."""
    dim, window = windows.shape[-1], isqrt(windows.shape[1] // 2)
    tiles = side // window
    grid = windows.view(-1, tiles, tiles, 2, window, window, dim)
    return grid.permute(0, 3, 1, 4, 2, 5, 6).reshape(-1, 2, side * side, dim)


@cache
def nearness(places: int, heads: int) -> Tensor:
    """(heads, N, N) to add to attention scores of N square places: far ones are discounted.

    Head 0 hardly sees beyond its own cell, each further one four times as far, and the last one,
    of several, everything alike.
    """
    side = isqrt(places)
    place = torch.arange(places)
    row, column = place // side, place % side
    squared = (row[:, None] - row).square() + (column[:, None] - column).square()
    slopes = 4.0 / 16.0 ** torch.arange(heads)
    if heads > 1:
        slopes[-1] = 0
    return -slopes.view(-1, 1, 1) * squared


class CoupledBlock(nn.Module):
    """A transformer block of the stock UNet, its own layers kept, with a coupling as `attn3`.

    `attn3` is no diffusers `Attention`, so that attention slicing and `set_attn_processor`, which
    replace the arithmetic of those, cannot switch the coupling off.
    """

    coupling: type[OfficialAttention | JointAttention]

    def __init__(self, block: BasicTransformerBlock) -> None:
        super().__init__()
        if block.norm_type != "layer_norm" or block.attn2 is None or block.only_cross_attention:
            raise ValueError(
                f"cannot couple a transformer block with norm_type={block.norm_type!r}, "
                f"only_cross_attention={block.only_cross_attention}: JCA is defined for the plain "
                "block of self-attention, text attention and feed-forward."
            )
        self.norm1, self.attn1 = block.norm1, block.attn1
        self.norm2, self.attn2 = block.norm2, block.attn2
        self.attn3 = self.coupling(block.dim, block.attn1.heads)
        self.norm3, self.ff = block.norm3, block.ff

    # The argument order is the stock block's: gradient checkpointing passes them by position.
    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        timestep: Tensor | None = None,
        cross_attention_kwargs: dict[str, Any] | None = None,
        class_labels: Tensor | None = None,
        added_cond_kwargs: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """Self-attention, text attention, then `feed_forward`; (2B, N, D) to (2B, N, D)."""
        options = cross_attention_kwargs or {}
        hidden = hidden_states
        hidden = hidden + self.attn1(self.norm1(hidden), attention_mask=attention_mask, **options)
        hidden = hidden + self.attn2(
            self.norm2(hidden),
            encoder_hidden_states=encoder_hidden_states,
            attention_mask=encoder_attention_mask,
            **options,
        )
        return self.feed_forward(hidden)

    def feed_forward(self, hidden: Tensor) -> Tensor:
        """The block's last part, where its coupling enters; (2B, N, D) to (2B, N, D)."""
        raise NotImplementedError


class OfficialBlock(CoupledBlock):
    """The public block: JCA shares the feed-forward's norm and enters through its input only."""

    coupling = OfficialAttention

    def feed_forward(self, hidden: Tensor) -> Tensor:
        """Returns h + ff(n + JCA(n)) with n = norm3(h)."""
        tokens = self.norm3(hidden)
        return hidden + self.ff(tokens + self.attn3(tokens))


class JointBlock(CoupledBlock):
    """JCA as a residual step of its own, between text attention and feed-forward."""

    coupling = JointAttention

    def feed_forward(self, hidden: Tensor) -> Tensor:
        """Takes h + JCA(h) through the stock feed-forward step."""
        hidden = hidden + self.attn3(hidden)
        return hidden + self.ff(self.norm3(hidden))


def couple(unet: UNet2DConditionModel, block: type[CoupledBlock]) -> UNet2DConditionModel:
    """Puts `block` around every transformer block of a stock UNet, in place, and returns it.

    Raises:
        ValueError: if the UNet has no transformer block, or one of an unusual kind.
    """
    holders = [m for m in unet.modules() if hasattr(m, "transformer_blocks")]
    if not holders:
        raise ValueError("the UNet has no cross-attention block: the streams would never meet")
    for holder in holders:
        holder.transformer_blocks = nn.ModuleList(block(b) for b in holder.transformer_blocks)
    return unet
