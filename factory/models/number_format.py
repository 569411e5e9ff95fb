"""In which number format networks are fastest here."""

from __future__ import annotations

from typing import Literal

import torch


def bf16_pays() -> bool:
    """Whether bfloat16 is computed in hardware here: without, it is slower than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def format_here(asked: Literal["auto", "fp32", "bf16"]) -> Literal["fp32", "bf16"]:
    """The number format that is meant on this machine."""
    if asked == "auto":
        return "bf16" if bf16_pays() else "fp32"
    return asked
