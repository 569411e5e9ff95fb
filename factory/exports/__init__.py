"""Copies of a version in layouts that others read: kind -> what writes it."""

from collections.abc import Mapping

from factory.exports.coco import write_coco
from factory.exports.croissant import write_croissant
from factory.exports.dicom.export import write_dicom
from factory.exports.export import Export
from factory.exports.folder import write_folder
from factory.exports.huggingface import write_huggingface
from factory.exports.monai import write_monai
from factory.exports.nifti import write_nifti
from factory.exports.nnunet import nnunet_folders, write_nnunet
from factory.exports.webdataset import write_webdataset

EXPORTS: Mapping[str, Export] = {
    "folder": Export(write_folder),
    "nifti": Export(write_nifti),
    "nnunet": Export(write_nnunet, nnunet_folders, masked=True),
    "monai": Export(write_monai, masked=True),
    "coco": Export(write_coco, masked=True),
    "dicom": Export(write_dicom),
    "webdataset": Export(write_webdataset),
    "huggingface": Export(write_huggingface),
    "croissant": Export(write_croissant),
}
