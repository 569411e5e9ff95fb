"""Starts a small autoencoder as the best linear code of its training pictures.

From random weights a small convolutional autoencoder needs thousands of steps to become as good as
a principal component analysis of the pictures' patches, which takes a second. This module writes
that analysis into an AutoencoderKL of one resolution level; training goes on from there.

The network is not linear, but can be made to act so: a component travels as a pair of channels
(z, -z), and silu(z) - silu(-z) = z exactly. Each normalisation group also carries a pair of large
constants, which fix its variance, so that GroupNorm divides by a known number.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

CONSTANT = 30.0  # large beside the components, whose mean square is 1
PLUS, MINUS, UP, DOWN = range(4)  # places in a normalisation group; the rest stay as they are
QUIET = -8.0  # log variance of the latents at the start: next to no noise


def principal_components(patches: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (P,), components (count, P) of unit length and their variances (count,).

    Args:
        patches: (N, P), N patches of P values.
        count: components wanted, at most P.
    """
    mean = patches.mean(0)
    centred = (patches - mean).double()
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(patches))
    order = values.argsort(descending=True)[:count]
    return mean, vectors[:, order].T.float(), values[order].clamp(min=1e-6).float()


@torch.no_grad()
def start_linear(vae: AutoencoderKL, patches: Tensor) -> None:
    """Makes `vae` the linear code of `patches`, in place.

    Component k leaves the encoder with variance proportional to the square root of its own:
    coarse structure stays louder than fine texture, but less so than in the pixels.

    Args:
        vae: of one level, with as many normalisation groups as latent channels.
        patches: (N, C) pixels of folded patches, C the network's input channels.

    Raises:
        ValueError: if the network has more levels, or groups that do not fit.
    """
    count, groups = vae.config.latent_channels, vae.config.norm_num_groups
    width = vae.config.block_out_channels[0]
    if len(vae.config.block_out_channels) != 1 or groups != count or width < 4 * groups:
        raise ValueError("a linear start needs one level, and a group of 4 channels per latent")
    mean, components, variances = principal_components(patches, count)
    loudness = variances**0.25 / (variances**0.5).mean().sqrt()  # mean square 1
    into = components * (loudness / variances.sqrt())[:, None]  # (count, C)
    back = components * (variances.sqrt() / loudness)[:, None]
    size = width // groups
    gain = ((2 * CONSTANT**2 + 2 * loudness**2) / size).sqrt()
    for part in (vae.encoder, vae.decoder):
        _silence_residuals(part)
        for norm in _norms(part):
            _set_norm(norm, size, gain)
    _spread(vae.encoder.conv_in, into, -into @ mean, size)
    _spread(vae.decoder.conv_in, torch.eye(count), torch.zeros(count), size)
    _gather(vae.encoder.conv_out, torch.eye(count, 2 * count).T, torch.zeros(2 * count), size)
    _gather(vae.decoder.conv_out, back.T, mean, size)
    _identity(vae.quant_conv)
    _identity(vae.post_quant_conv)
    vae.quant_conv.bias[count:] = QUIET
    vae.quant_conv.weight[count:] = 0


def _norms(part: nn.Module) -> Iterator[nn.GroupNorm]:
    return (module for module in part.modules() if isinstance(module, nn.GroupNorm))


def _silence_residuals(part: nn.Module) -> None:
    """Zeroes the last layer of every residual branch: each block starts as the identity."""
    for name, module in part.named_modules():
        if name.endswith(("conv2", "to_out.0")):
            for parameter in module.parameters():
                nn.init.zeros_(parameter)


def _set_norm(norm: nn.GroupNorm, size: int, gain: Tensor) -> None:
    """Undoes the division by the group's deviation for components, and mutes the constants."""
    weight = norm.weight.view(-1, size)
    weight[:, [PLUS, MINUS]] = gain[:, None]
    weight[:, [UP, DOWN]] = 0


def _spread(conv: nn.Conv2d, matrix: Tensor, bias: Tensor, size: int) -> None:
    """Writes (z, -z) and the constants of each group; z = matrix @ pixels + bias."""
    weight = conv.weight.view(-1, size, *conv.weight.shape[1:])
    offset = _bias(conv).view(-1, size)
    weight[:, : DOWN + 1] = 0
    for place, sign in ((PLUS, 1), (MINUS, -1)):
        weight[:, place, :, 1, 1] = sign * matrix
        offset[:, place] = sign * bias
    offset[:, UP], offset[:, DOWN] = CONSTANT, -CONSTANT


def _gather(conv: nn.Conv2d, matrix: Tensor, bias: Tensor, size: int) -> None:
    """Reads each z back as the difference of its pair; output = matrix @ z + bias."""
    conv.weight.zero_()
    weight = conv.weight.view(conv.out_channels, -1, size, 3, 3)
    weight[:, :, PLUS, 1, 1] = matrix
    weight[:, :, MINUS, 1, 1] = -matrix
    _bias(conv).copy_(bias)


def _identity(conv: nn.Conv2d) -> None:
    conv.weight.copy_(torch.eye(conv.out_channels, conv.in_channels)[..., None, None])
    _bias(conv).zero_()


def _bias(conv: nn.Conv2d) -> Tensor:
    if conv.bias is None:
        raise ValueError("a linear start needs convolutions with a bias")
    return conv.bias
