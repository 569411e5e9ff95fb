"""Numbers and names of scores as people read them."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """Three significant digits, or "not measurable"."""
    if not math.isfinite(value):
        return "not measurable"
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def between(low: float, high: float) -> str:
    """Two bounds between brackets, or nothing where they are unknown."""
    return f"[{number(low)}, {number(high)}]" if math.isfinite(low + high) else ""


def bounds(low: float, high: float) -> str:
    """As `between`, of bounds that may be infinite; nothing where one is unknown."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"[{_bound(low)}, {_bound(high)}]"


def _bound(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return number(value)


def signed(value: float) -> str:
    """A difference with its sign, or "?" where it is unknown."""
    return f"{value:+.3f}" if math.isfinite(value) else "?"


ABBREVIATIONS = {
    **{name: name.upper() for name in ("fid", "mmd", "dcr", "tstr", "auroc", "iou", "nsd", "hd95")},
    "frechet": "Fréchet",
}


def in_words(name: str) -> str:
    """A metric's name as words: "consistency_closed" becomes "consistency closed"."""
    name = name.replace(".low", ", lower bound").replace(".high", ", upper bound")
    words = name.replace("ms_ssim", "MS-SSIM").split("_")
    return " ".join(ABBREVIATIONS.get(word, word) for word in words)


DOMAIN_WORDS = {"xray": "X-ray", "us": "ultrasound", "mri": "MRI", "ct": "CT", "oct": "OCT"}


def domain_words(name: str) -> str:
    """A domain's name as words: "phantom-chest-xray" becomes "phantom chest X-ray"."""
    return " ".join(DOMAIN_WORDS.get(word, word) for word in name.split("-"))
