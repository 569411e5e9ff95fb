"""Which number format to train in, and the Accelerator that does it."""

from __future__ import annotations

import torch
from accelerate import Accelerator


def bf16_pays() -> bool:
    """Whether bfloat16 is computed in hardware here: without, it is slower than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def accelerator() -> Accelerator:
    """The device and number format of every training loop."""
    precision = "bf16" if bf16_pays() else "no"
    return Accelerator(mixed_precision=precision, cpu=not torch.cuda.is_available())
