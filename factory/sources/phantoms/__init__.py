"""Parametric anatomy with exact masks, one file per domain."""

from __future__ import annotations

from collections.abc import Mapping

from factory.sources.canvas.scene import Phantom
from factory.sources.phantoms import (
    abdomen_ct,
    blood_smear,
    brain_mri,
    breast_us,
    cardiac_mri,
    chest_xray,
    colonoscopy,
    dermoscopy,
    fluorescence,
    fundus,
    histology,
    periapical_xray,
    pet,
    retinal_oct,
)

RENDERER_VERSION = 5
"""Raised with every change of any phantom's pixels: it is part of the digests."""

DEFAULT_PHANTOMS = (
    "phantom-chest-xray",
    "phantom-cardiac-mri",
    "phantom-abdomen-ct",
    "phantom-breast-us",
    "phantom-colonoscopy",
    "phantom-fundus",
    "phantom-dermoscopy",
)
"""What a source draws that names no domains. A new phantom never joins it: it would change what
a recipe draws, and the checkpoint that ships knows these."""

PHANTOMS: Mapping[str, Phantom] = {
    "phantom-chest-xray": chest_xray.PHANTOM,
    "phantom-cardiac-mri": cardiac_mri.PHANTOM,
    "phantom-abdomen-ct": abdomen_ct.PHANTOM,
    "phantom-breast-us": breast_us.PHANTOM,
    "phantom-colonoscopy": colonoscopy.PHANTOM,
    "phantom-fundus": fundus.PHANTOM,
    "phantom-dermoscopy": dermoscopy.PHANTOM,
    "phantom-retinal-oct": retinal_oct.PHANTOM,
    "phantom-histology": histology.PHANTOM,
    "phantom-fluorescence": fluorescence.PHANTOM,
    "phantom-brain-mri": brain_mri.PHANTOM,
    "phantom-periapical-xray": periapical_xray.PHANTOM,
    "phantom-blood-smear": blood_smear.PHANTOM,
    "phantom-pet": pet.PHANTOM,
}
