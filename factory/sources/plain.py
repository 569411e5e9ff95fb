"""Sources that are made of no other: unions and folds can be made of each of them."""

from __future__ import annotations

from factory.sources.base import SourceSpec
from factory.sources.folder import FolderSource
from factory.sources.nnunet import NnunetSource
from factory.sources.phantom import PhantomSource
from factory.sources.volumes.phantom import PhantomVolumeSource

# A new source is a line here: recipes, unions, folds and the documentation's check follow.
PLAIN_SOURCES: dict[str, type[SourceSpec]] = {
    "folder": FolderSource,
    "nnunet": NnunetSource,
    "phantom": PhantomSource,
    "phantom-volumes": PhantomVolumeSource,
}
