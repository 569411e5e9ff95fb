"""A small TransUNet: convolutions see detail, a transformer sees the whole image, skips join them."""

from __future__ import annotations

from typing import cast

import torch
from monai.networks.blocks import Convolution, UnetResBlock
from monai.networks.nets.basic_unet import UpCat
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 64)  # of the convolutions at 1/2, 1/4 and 1/8 of the side
WIDTH, BLOCKS, HEADS = 128, 4, 4  # of the transformer
GRID = 16  # cells on a side for which places are learnt: those of an image of 128 pixels
NORM, ACT = "instance", ("leakyrelu", {"negative_slope": 0.01})


class TransUNet(nn.Module):
    """Segments images (B, C, H, W) into logits (B, outputs, H, W); H and W are multiples of 8.

    1.0 M weights, three quarters of them in the transformer.

    Every cell of the convolutions' last feature map, 1/8 of the side, is one token (patches of
    size 1, as in the paper); what the transformer makes of them is decoded with the convolutions'
    maps at 1/4 and 1/2 of the side, and without any at full size. Smaller than in the paper: there
    a ResNet-50 and 12 blocks of width 768 work at 1/16 of the side.

    Places are learnt for a grid of 16 x 16 cells and interpolated for any other. Normalised image
    by image, so that an answer depends on no other image of the batch.

    Args:
        channels: of the images.
        outputs: classes with the background.

    Source: Chen et al. 2021, TransUNet, arXiv:2102.04306; Dosovitskiy et al. 2021,
    arXiv:2010.11929 (transformer over patches, places interpolated for other sizes).
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        sides = zip((channels, *WIDTHS[:-1]), WIDTHS, strict=True)
        self.stem = nn.ModuleList(UnetResBlock(2, a, b, 3, 2, NORM, ACT) for a, b in sides)
        self.embed = nn.Conv2d(WIDTHS[-1], WIDTH, 1)
        self.places = nn.Parameter(0.02 * torch.randn(1, WIDTH, GRID, GRID))
        # MONAI's own block needs einops, a further library.
        self.blocks = nn.Sequential(*(_block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.back = Convolution(2, WIDTH, WIDTHS[-1], act=ACT, norm=NORM)
        half, quarter, _ = WIDTHS
        self.to_quarter = UpCat(2, WIDTHS[-1], quarter, quarter, ACT, NORM, True)
        self.to_half = UpCat(2, quarter, half, half, ACT, NORM, True)
        self.to_full = UpCat(2, half, 0, half // 2, ACT, NORM, True)
        self.head = nn.Conv2d(half // 2, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) standardised images to (B, outputs, H, W) logits."""
        half, quarter, eighth = self._maps(images)
        maps = self.back(self._attended(eighth))
        maps = self.to_half(self.to_quarter(maps, quarter), half)
        return cast("Tensor", self.head(self.to_full(maps, None)))

    def _maps(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for block in self.stem:
            maps.append(block(maps[-1]))
        return maps[1:]

    def _attended(self, cells: Tensor) -> Tensor:
        """(B, F, h, w) features of cells to as many of width WIDTH, each knowing all others."""
        side = cells.shape[2:]
        places = functional.interpolate(self.places, size=side, mode="bilinear")
        tokens = (self.embed(cells) + places).flatten(2).transpose(1, 2)  # (B, h * w, WIDTH)
        attended = self.norm(self.blocks(tokens))
        return cast("Tensor", attended.transpose(1, 2).unflatten(2, side))


def _block() -> nn.Module:
    return nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
