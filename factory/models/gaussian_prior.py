"""What a denoiser can know before it has learned anything: the latents' power spectrum.

If latents were stationary Gaussian noise of that spectrum, the best prediction would be a Wiener
filter of the noisy latents. The network starts from that prediction and learns the rest. Without
it a young network fails at what is easiest, passing quiet channels through, and its pairs are
covered in noise: see `benchmarks/real.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

QUIETEST = 1e-4  # power below which a frequency counts as noise of this power
LEAST_SHARE = 0.01  # of all power: a kind that varies less must not weigh without end


class GaussianPrior(nn.Module):
    """Preconditions a velocity-predicting network for latents of known power spectra.

    Source: the scheme c_skip, c_in, c_out of Karras et al. 2022 (arXiv 2206.00364, eq. 7), with
    a variance for each channel and frequency in place of one for all.

    Args:
        power: (S, C, h, w) mean squared magnitude of the orthonormal Fourier coefficients of
            each stream's latents: of images, and of masks where there are two streams.
        alphas: (T,) share of signal power left at each timestep (`alphas_cumprod`).
    """

    power: Tensor
    alphas: Tensor

    def __init__(self, power: Tensor, alphas: Tensor) -> None:
        super().__init__()
        self.register_buffer("power", power.clamp(min=QUIETEST), persistent=False)
        self.register_buffer("alphas", alphas, persistent=False)

    @staticmethod
    def measured(streams: Sequence[Tensor], alphas: Tensor) -> GaussianPrior:
        """The prior of these latents, (N, C, h, w) for each stream."""
        power = [torch.fft.fft2(stream, norm="ortho").abs().square().mean(0) for stream in streams]
        return GaussianPrior(torch.stack(power), alphas)

    def save(self, file: Path) -> None:
        """Writes one safetensors file, in full precision: small, and squared numbers."""
        save_file({"power": self.power.contiguous(), "alphas": self.alphas.contiguous()}, file)

    @staticmethod
    def load(file: Path) -> GaussianPrior:
        """Reads what `save` wrote."""
        return GaussianPrior(**load_file(file))

    def _signal_and_noise(self, t: Tensor) -> tuple[Tensor, Tensor]:
        signal = self.alphas[t].view(-1, 1, 1, 1)
        return signal, 1 - signal

    def scaled(self, noisy: Tensor, t: Tensor, stream: int) -> Tensor:
        """Noisy latents (B, C, h, w) with every channel at unit variance: what the network reads."""
        signal, noise = self._signal_and_noise(t)
        return noisy / (signal * self.power[stream] + noise).mean((2, 3), keepdim=True).sqrt()

    def velocity(self, noisy: Tensor, t: Tensor, stream: int) -> Tensor:
        """Velocity (B, C, h, w) that is expected of Gaussian latents of this spectrum.

        With x_t = a x + s e of a spectrum S, v = a e - s x is expected to be a s (1 - S) x_t /
        (a² S + s²) at each frequency.
        """
        signal, noise = self._signal_and_noise(t)
        power = self.power[stream]
        gain = (signal * noise).sqrt() * (1 - power) / (signal * power + noise)
        return torch.fft.ifft2(gain * torch.fft.fft2(noisy)).real

    def unknown(self, t: Tensor, stream: int) -> Tensor:
        """Standard deviation (B, C, 1, 1) of the velocity about that expectation."""
        return self._left_open(self.power[stream], t).mean((2, 3), keepdim=True).sqrt()

    def leaves_open(self, t: Tensor, stream: int, spread: Tensor) -> Tensor:
        """Mean squared error (B,) of a Wiener filter that knows the mean image of each row's kind.

        Args:
            t: timesteps (B,).
            stream: whose.
            spread: (B,) variance of latents of that kind; infinite where the kind is not told: all
                latents' power is left open then.
        """
        share = (spread / self.power[stream].mean()).clamp(min=LEAST_SHARE)
        share = torch.where(spread.isinf(), 1, share)
        power = self.power[stream] * share.view(-1, 1, 1, 1)
        return self._left_open(power, t).mean((1, 2, 3))

    def _left_open(self, power: Tensor, t: Tensor) -> Tensor:
        """Variance (B, C, h, w) of the velocity about the Wiener filter of latents of a power."""
        signal, noise = self._signal_and_noise(t)
        return power / (signal * power + noise)
