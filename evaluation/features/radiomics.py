"""Features of pyradiomics, an optional library: radiomics as others publish it.

Source: van Griethuysen et al. 2017, Cancer Research 77:e104; definitions as in pyradiomics' own
documentation. Slow beside the handcrafted features: 0.05 to 0.2 seconds per region.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.features.handcrafted import check_pairs
from evaluation.features.spectrum import luminance
from evaluation.features.texture import Table
from evaluation.pairs import Images, Masks

GREY = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
SHAPE = ("shape2D",)
BIN_WIDTH = 16  # grey levels, of 256
UNIT = 1e-3  # below it a feature counts linearly, above it in decades


def pyradiomics_version() -> str:
    """Version of the library that is installed.

    Raises:
        InputError: if it, or a library that it needs, is not.
    """
    try:
        import_module("radiomics.featureextractor")
    except ImportError as error:
        raise InputError(
            f"features 'radiomics' need pyradiomics, which is not usable here ({error}); install "
            "it as docs/scores.md says (pip alone cannot build it), or drop radiomics from "
            "evaluate.features"
        ) from error
    return version("pyradiomics")


@dataclass(frozen=True)
class Radiomics:
    """Extractor of pyradiomics' features of the whole image and of the region of each class.

    Of every region all features of grey levels that pyradiomics computes by default (first order,
    GLCM, GLRLM, GLSZM, GLDM, NGTDM; 93), of the original image alone, in bins of 16 grey levels;
    of a class's region also the 9 of shape2D.

    Attributes:
        classes: names of the foreground classes; class i of the masks is classes[i - 1].
    """

    classes: tuple[str, ...]
    name: str = "radiomics"
    scaled: bool = True

    @property
    def fingerprint(self) -> str:
        return f"1-pyradiomics-{pyradiomics_version()}"

    def groups(self, images: Images, masks: Masks) -> dict[str, Table]:
        """One group `radiomics` of (N, 93 + 103 K) features, in signed decades above 0.001.

        Raw ones span from 0.001 to 10⁷; in decades a few percent are as much everywhere, and one
        floor can say which feature of the reference is constant. Per class, a first column says
        whether it is present (0 where not); all others are NaN where it is absent, or thinner than
        two pixels, of which pyradiomics gives nothing. A region without two neighbouring pixels
        has NaN for what needs them.

        Args:
            images: (N, H, W, C) uint8; colour is read as luminance.
            masks: (N, H, W) uint8.

        Raises:
            InputError: if pyradiomics is not usable here.
            ValueError: if a mask holds an index that no class has, or shapes disagree.
        """
        pyradiomics_version()
        check_pairs(images, masks, len(self.classes))
        whole, region = Measured(GREY), Measured(GREY + SHAPE)
        width = len(whole.names) + len(self.classes) * (1 + len(region.names))
        table = np.zeros((len(images), width))
        for row, grey, mask in zip(table, luminance(images), masks, strict=True):
            parts = [whole.of(grey, np.ones(mask.shape, bool))]
            for index in range(1, len(self.classes) + 1):
                inside = mask == index
                parts += [np.array([float(inside.any())]), region.of(grey, inside)]
            row[:] = decades(np.concatenate(parts))
        return {self.name: table}


class Measured:
    """What pyradiomics measures of a region, with these of its feature classes.

    Attributes:
        names: of the features, as in "glcm_Contrast".
    """

    def __init__(self, feature_classes: Iterable[str], **settings: object) -> None:
        """Settings are pyradiomics' own, beside or instead of bins of 16 grey levels."""
        from radiomics import getFeatureClasses
        from radiomics.featureextractor import RadiomicsFeatureExtractor

        # It tells for every region that SumAverage is twice JointAverage.
        logging.getLogger("radiomics").setLevel(logging.ERROR)
        found = getFeatureClasses()
        self._extractor = RadiomicsFeatureExtractor(
            **({"binWidth": BIN_WIDTH, "additionalInfo": False} | settings)
        )
        self._extractor.disableAllFeatures()
        names: list[str] = []
        for each in feature_classes:
            self._extractor.enableFeatureClassByName(each)
            known = found[each].getFeatureNames().items()
            names += [f"{each}_{name}" for name, deprecated in known if not deprecated]
        self.names = tuple(names)

    def of(self, grey: NDArray[np.floating], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(D,) raw features of an (H, W) image where an (H, W) mask is true; NaN if too thin."""
        from SimpleITK import GetImageFromArray

        if min(inside.any(0).sum(), inside.any(1).sum()) < 2:
            return np.full(len(self.names), np.nan)
        # A mask without any background is refused, so all get a frame; it belongs to no region.
        image, mask = (GetImageFromArray(np.pad(a, 1)) for a in (grey, inside.astype(np.uint8)))
        with warnings.catch_warnings():
            # Scattered pixels have no neighbours: means of nothing, which are NaN as they should.
            warnings.simplefilter("ignore", RuntimeWarning)
            found = self._extractor.execute(image, mask)
        return np.array([float(found[f"original_{name}"]) for name in self.names])


def decades(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features in signed decades above 0.001: 0.001 becomes 0.3, 1 becomes 3, -1 becomes -3."""
    return np.sign(raw) * np.log10(1 + np.abs(raw) / UNIT)
