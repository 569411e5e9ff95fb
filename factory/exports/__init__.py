"""Copies of a version in layouts that others read: kind -> what writes it."""

from collections.abc import Mapping

from factory.exports.export import Export
from factory.exports.folder import write_folder
from factory.exports.monai import write_monai
from factory.exports.nifti import write_nifti
from factory.exports.nnunet import nnunet_folders, write_nnunet

EXPORTS: Mapping[str, Export] = {
    "folder": Export(write_folder),
    "nifti": Export(write_nifti),
    "nnunet": Export(write_nnunet, nnunet_folders, masked=True),
    "monai": Export(write_monai, masked=True),
}
