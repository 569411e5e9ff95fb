"""Where real and phantom pairs come from: kind of source -> its recipe section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from factory.form import any_of
from factory.sources.base import SourceSpec
from factory.sources.fold import FoldSource
from factory.sources.plain import PLAIN_SOURCES
from factory.sources.union import UnionSource

SOURCES: Mapping[str, type[SourceSpec]] = {
    **PLAIN_SOURCES,
    "union": UnionSource,
    "fold": FoldSource,
}

if TYPE_CHECKING:
    SourceSection = SourceSpec
else:
    SourceSection = any_of(SOURCES.values())
