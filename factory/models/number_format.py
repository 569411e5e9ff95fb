"""In which number format networks are fastest here."""

from __future__ import annotations

import torch


def bf16_pays() -> bool:
    """Whether bfloat16 is computed in hardware here: without, it is slower than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
