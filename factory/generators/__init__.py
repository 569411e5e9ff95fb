"""Generators of pairs, by the kind a recipe names."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from factory.diffmask_sections import DiffMaskSpec
from factory.generators.phantom import PhantomGeneratorSpec
from factory.masked_sections import MaskedSpec
from factory.settings import MediSynSpec, MedSegFactorySpec

GENERATORS: Mapping[str, type[BaseModel]] = {
    "phantom": PhantomGeneratorSpec,
    "medsegfactory": MedSegFactorySpec,
    "medisyn": MediSynSpec,
    "diffmask": DiffMaskSpec,
    "masked": MaskedSpec,
}
