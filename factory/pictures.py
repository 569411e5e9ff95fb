"""Pairs as pictures: what an autoencoder reads of images and of masks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from factory.masks import CODECS
from factory.pairs import Images, PairBatch
from factory.vocabulary import Domain


def image_pictures(images: Images) -> Tensor:
    """(N, H, W, C) uint8 -> (N, 3, H, W) uint8; grey is repeated."""
    return torch.from_numpy(images).movedim(-1, 1).expand(-1, 3, -1, -1).contiguous()


def shown_images(pairs: PairBatch) -> Tensor:
    """(N, 3, H, W) uint8: the images of pairs."""
    return image_pictures(pairs.images)


def mask_pictures(pairs: PairBatch, domains: Mapping[str, Domain]) -> Tensor:
    """(N, 3, H, W) uint8: each pair's mask in the codec of its domain."""
    coded = torch.empty(len(pairs), 3, *pairs.masks.shape[1:], dtype=torch.uint8)
    for name, rows in pairs.facets.groupby("domain").indices.items():
        domain = domains[str(name)]
        codec = CODECS[domain.codec](len(domain.classes))
        picture = codec.encode(pairs.masks[rows])
        coded[torch.from_numpy(rows)] = ((picture + 1) * 127.5).round().to(torch.uint8)
    return coded
