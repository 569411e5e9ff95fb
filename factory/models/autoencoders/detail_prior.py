"""What is known of a picture twice as large as a coarse one, before detail is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from torch import Tensor

COLOURS = 3  # channels of each stream
QUIETEST = 0.01  # deviation of detail, on [-1, 1]: flat places have none to divide by
AROUND = 3  # coarse cells on a side that tell how much there is to draw at a place


def each_channel(values: Tensor) -> Tensor:
    """(B, S, ...), a value for each stream -> (B, 3S, ...)."""
    return values.repeat_interleave(COLOURS, 1)


def halved(pictures: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, H/2, W/2): the mean of every cell's four pixels."""
    return F.avg_pool2d(pictures, 2)


def doubled(coarse: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, 2h, 2w), smooth."""
    return F.interpolate(coarse, scale_factor=2.0, mode="bilinear")


def local_variance(coarse: Tensor) -> Tensor:
    """(B, 3S, h, w) -> (B, S, h, w): of the cells around each, averaged over the colours."""
    around = F.pad(coarse, [AROUND // 2] * 4, mode="replicate")
    mean, square = (F.avg_pool2d(x, AROUND, 1) for x in (around, around.square()))
    return (square - mean.square()).clamp(min=0).unflatten(1, (-1, COLOURS)).mean(2)


@dataclass(frozen=True)
class DetailPrior:
    """Detail is white noise, as strong at each place as the coarse picture is uneven around it.

    In X-rays, ultrasound, micrographs and masks what halving a picture takes away is proportional
    to the deviation of the coarse cells around the place, from black borders to the edges of
    bones. What is left to be learnt is white everywhere then, and nothing is drawn where all is
    flat.

    Attributes:
        mean: of the pictures of S streams, (B, 3S, H, W) in [-1, 1].
        deviation: of each stream, (B, S, H, W).
    """

    mean: Tensor
    deviation: Tensor

    @staticmethod
    def of(coarse: Tensor, ratios: Sequence[float]) -> DetailPrior:
        """Of coarse pictures (B, 3S, h, w), with the ratio of each stream, see `detail_ratios`."""
        ratio = coarse.new_tensor(list(ratios))[:, None, None]
        variance = doubled(local_variance(coarse))
        return DetailPrior(doubled(coarse), (QUIETEST**2 + ratio**2 * variance).sqrt())

    def detail(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3S, H, W) as white noise."""
        return (pictures - self.mean) / each_channel(self.deviation)

    def pictures(self, detail: Tensor) -> Tensor:
        """The reverse of `detail`."""
        return self.mean + each_channel(self.deviation) * detail

    @property
    def told(self) -> Tensor:
        """What a network is told of it, (B, 4S, H, W), all of about unit size."""
        return torch.cat([self.mean, self.deviation.log() / 3], 1)


def detail_ratios(pictures: Tensor) -> tuple[float, ...]:
    """Deviation of detail over that of the coarse cells around it, of each of S streams.

    Args:
        pictures: (N, 3S, H, W).
    """
    coarse = halved(pictures)
    lost = (pictures - doubled(coarse)).square().unflatten(1, (-1, COLOURS)).mean((0, 2, 3, 4))
    uneven = local_variance(coarse).mean((0, 2, 3)).clamp(min=QUIETEST**2)
    return tuple((lost / uneven).sqrt().tolist())
