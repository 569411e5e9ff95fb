"""Where real and phantom pairs come from: kind of source -> its recipe section."""

from collections.abc import Mapping

from factory.sources.fold import FoldSource
from factory.sources.folder import FolderSource
from factory.sources.nnunet import NnunetSource
from factory.sources.phantom import PhantomSource
from factory.sources.union import UnionSource

SourceSection = FolderSource | NnunetSource | PhantomSource | UnionSource | FoldSource

SOURCES: Mapping[str, type[SourceSection]] = {
    "folder": FolderSource,
    "nnunet": NnunetSource,
    "phantom": PhantomSource,
    "union": UnionSource,
    "fold": FoldSource,
}
