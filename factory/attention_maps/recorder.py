"""Reads what a UNet attends to while it makes an image, without changing the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

Size = tuple[int, int]  # (h, w) in latent cells
Means = Mapping[Size, Tensor]

LARGEST = 32 * 32  # cells of the finest self-attention map that is kept: (hw)² floats per image


class RunningMeans:
    """The mean of tensors of one shape for each resolution, held as one sum each."""

    def __init__(self) -> None:
        self.sums: dict[Size, Tensor] = {}
        self.counts: dict[Size, int] = {}

    def add(self, size: Size, value: Tensor) -> None:
        """Takes one more tensor into the mean of its resolution."""
        self.sums[size] = self.sums[size].add_(value) if size in self.sums else value
        self.counts[size] = self.counts.get(size, 0) + 1

    def means(self) -> dict[Size, Tensor]:
        """The means so far, finest resolution first; copies on the CPU.

        Raises:
            ValueError: if nothing was added.
        """
        if not self.sums:
            raise ValueError(
                "no attention was read: run the UNet inside the recorder's with block, and ask for "
                "self-attention where it is wanted (at most 32 x 32 cells are kept)"
            )
        sizes = sorted(self.sums, reverse=True)
        return {size: (self.sums[size] / self.counts[size]).cpu() for size in sizes}


class AttentionRecorder:
    """Streams the attention of a single-stream UNet into running means, one per resolution.

    A context manager. The network computes as always, in scaled_dot_product_attention and with
    its own processors; hooks take the queries and keys that it made anyway and work out the
    probabilities beside it. Images with and without the recorder are therefore equal to the bit, and
    nothing but the sums is kept: memory does not grow with steps, layers or heads.

    Args:
        unet: the network; hooked inside the `with` block only, even if that ends in an error.
        weights: (B, K, L) from `token_weights`, one row per image whose attention is read.
        rows: those B images in the network's batch: with classifier-free guidance the
            conditional half. None: the whole batch.
        every: reads the first of each `every` passes of the network.
        self_attention: also keeps what each place attends to, at 32 x 32 cells and coarser.

    Source: maps summed over steps, layers and heads as in DAAM (arXiv 2210.04885).
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        weights: Tensor,
        rows: slice | None = None,
        *,
        every: int = 1,
        self_attention: bool = False,
    ) -> None:
        self.unet = unet
        self.weights = weights
        self.rows = rows or slice(None)
        self.every = every
        self.self_attention = self_attention
        self.passes = 0
        self._size: Size = (0, 0)  # of the latents of this pass
        self._cross = RunningMeans()
        self._self = RunningMeans()
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        self._handles = [self.unet.register_forward_pre_hook(self._begin, with_kwargs=True)]
        for name, module in self.unet.named_modules():
            if isinstance(module, Attention) and name.endswith("attn2"):
                self._listen(module, self._add_cross)
            if self.self_attention and isinstance(module, Attention) and name.endswith("attn1"):
                self._listen(module, self._add_self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def cross_maps(self) -> dict[Size, Tensor]:
        """Mean attention of each place to the tokens of each class, finest resolution first.

        Returns:
            (h, w) -> (B, K, h, w) float32 on the CPU, in [0, 1].

        Raises:
            ValueError: if the network has not run inside the `with` block.
        """
        means = self._cross.means()
        return {size: mean.transpose(1, 2).unflatten(2, size) for size, mean in means.items()}

    def self_maps(self) -> dict[Size, Tensor]:
        """Mean attention of each place to each place, finest resolution first.

        Returns:
            (h, w) -> (B, hw, hw) float32 on the CPU; rows sum to 1.

        Raises:
            ValueError: if it was not asked for, or the network has not run.
        """
        return self._self.means()

    def _begin(self, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        latents = args[0] if args else kwargs["sample"]
        self._size = (latents.shape[-2], latents.shape[-1])
        self.passes += 1

    def _listen(
        self, attention: Attention, add: Callable[[Attention, Tensor, Tensor], None]
    ) -> None:
        """Keeps a layer's query and key from where they are made until the layer is done."""
        kept: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
            def hook(_: nn.Module, __: object, output: Tensor) -> None:
                kept[name] = output

            return hook

        def finish(_: nn.Module, __: object, ___: object) -> None:
            query, key = kept.pop("query"), kept.pop("key")
            if (self.passes - 1) % self.every == 0:
                add(attention, query.detach()[self.rows], key.detach()[self.rows])

        self._handles += [
            attention.to_q.register_forward_hook(keep("query")),
            attention.to_k.register_forward_hook(keep("key")),
            attention.register_forward_hook(finish),
        ]

    def _add_cross(self, attention: Attention, query: Tensor, key: Tensor) -> None:
        weights = self.weights.to(query.device, torch.float32)
        if (len(query), key.shape[1]) != (len(weights), weights.shape[2]):
            raise ValueError(
                f"the recorder reads {len(query)} images of {key.shape[1]} tokens and has weights for "
                f"{len(weights)} of {weights.shape[2]}: give the rows of the batch that follow the "
                "prompts, and weights as long as the text states"
            )
        attended = probabilities(query, key, attention.heads, attention.scale)
        size = grid_size(self._size, query.shape[1])
        self._cross.add(size, attended @ weights.transpose(1, 2))

    def _add_self(self, attention: Attention, query: Tensor, key: Tensor) -> None:
        if query.shape[1] <= LARGEST:
            attended = probabilities(query, key, attention.heads, attention.scale)
            size = grid_size(self._size, query.shape[1])
            self._self.add(size, attended)


@torch.no_grad()
def probabilities(query: Tensor, key: Tensor, heads: int, scale: float) -> Tensor:
    """Attention of (B, N, D) to (B, M, D), mean over heads; (B, N, M) float32, rows sum to 1."""
    queries, keys = (x.float().unflatten(-1, (heads, -1)).unbind(2) for x in (query, key))
    # Head by head: all at once would be the (heads, N, M) block this file exists to avoid.
    total = query.new_zeros(len(query), query.shape[1], key.shape[1], dtype=torch.float32)
    for q, k in zip(queries, keys, strict=True):
        total += torch.softmax(scale * q @ k.transpose(1, 2), dim=-1)
    return total / heads


def grid_size(latents: Size, places: int) -> Size:
    """(h, w) of a layer with that many places, in a UNet that halves (h, w) level by level.

    Raises:
        ValueError: if no level has so many.
    """
    height, width = latents
    while height * width > places:
        height, width = -(-height // 2), -(-width // 2)
    if height * width != places:
        raise ValueError(f"no halving of {latents[0]} x {latents[1]} latents has {places} places")
    return height, width


def fuse(maps: Means, size: Size, coarsest: int = 1) -> Tensor:
    """One map per class from all resolutions, the one that tells places apart best counting most.

    A network paints one structure at one resolution and another elsewhere. Where it attends to a
    word by a tenth or a third, it means the place; where all values lie about a hundredth, they are
    noise, which dividing each map by its own maximum would raise to the height of a signal. So maps
    keep their heights above their medians, and count by them.

    Args:
        maps: of `AttentionRecorder.cross_maps`.
        size: (H, W) of the result.
        coarsest: leaves out maps with fewer cells than this on a side.

    Returns:
        (B, K, H, W) float32 in [0, 1]. A map that is 0 everywhere stays 0; a flat one becomes
        1 everywhere, which `refinement` refuses.

    Raises:
        ValueError: if every map is coarser than `coarsest`.

    Source: bicubic enlargement and clamping are DAAM's (arXiv 2210.04885); the weights are ours.
    """
    kept = [values for cells, values in maps.items() if min(cells) >= coarsest]
    if not kept:
        raise ValueError(f"no attention map of {sorted(maps)} has {coarsest} cells on each side")
    total = torch.zeros(*kept[0].shape[:2], *size)
    for values in kept:
        height = values.amax((2, 3)) - values.flatten(2).median(2).values
        large = F.interpolate(values, size, mode="bicubic", align_corners=False).clamp(min=0)
        total += height[..., None, None] * large
    # Maps without any height are flat, and are known by their ratio of least to largest.
    flat = total.amax((2, 3), keepdim=True) <= 0
    plain = F.interpolate(kept[0], size, mode="bicubic", align_corners=False).clamp(min=0)
    total = torch.where(flat, plain, total)
    return total / total.amax((2, 3), keepdim=True).clamp(min=1e-12)
