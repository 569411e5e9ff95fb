"""Copies of a version in layouts that others read: kind -> what writes it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from factory.exports.folder import export_folder
from factory.exports.monai import export_monai
from factory.exports.nifti import export_nifti
from factory.exports.nnunet import export_nnunet
from factory.store.snapshot import Snapshot

# Each writes the accepted pairs of a snapshot into a new folder, and yields the pairs of a block
# as it has written them.
Export = Callable[[Snapshot, Path], Iterator[int]]

EXPORTS: Mapping[str, Export] = {
    "folder": export_folder,
    "nifti": export_nifti,
    "nnunet": export_nnunet,
    "monai": export_monai,
}
