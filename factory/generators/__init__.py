"""Generators of pairs, by the kind a recipe names."""

from __future__ import annotations

from collections.abc import Mapping

from factory.generators.phantom import PhantomGeneratorSpec
from factory.generators.spec import GeneratorSpec
from factory.generators.specs import DiffMaskSpec, MaskedSpec, MediSynSpec, MedSegFactorySpec

GENERATORS: Mapping[str, type[GeneratorSpec]] = {
    "phantom": PhantomGeneratorSpec,
    "medsegfactory": MedSegFactorySpec,
    "medisyn": MediSynSpec,
    "diffmask": DiffMaskSpec,
    "masked": MaskedSpec,
}
