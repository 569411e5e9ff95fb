"""Parametric anatomy with exact masks, one file per domain."""

from __future__ import annotations

from collections.abc import Mapping

from factory.sources.phantoms import (
    abdomen_ct,
    breast_us,
    cardiac_mri,
    chest_xray,
    colonoscopy,
    dermoscopy,
    fundus,
)
from factory.sources.phantoms.scene import Phantom

RENDERER_VERSION = 5
"""Raised with every change of any phantom's pixels: it is part of the digests."""

PHANTOMS: Mapping[str, Phantom] = {
    "phantom-chest-xray": chest_xray.PHANTOM,
    "phantom-cardiac-mri": cardiac_mri.PHANTOM,
    "phantom-abdomen-ct": abdomen_ct.PHANTOM,
    "phantom-breast-us": breast_us.PHANTOM,
    "phantom-colonoscopy": colonoscopy.PHANTOM,
    "phantom-fundus": fundus.PHANTOM,
    "phantom-dermoscopy": dermoscopy.PHANTOM,
}
