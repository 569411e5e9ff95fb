"""What the name of a data set's folder says of modality and anatomy; a guess, and told as one."""

from __future__ import annotations

from collections.abc import Mapping

from factory.layouts.names import words

MODALITIES: Mapping[str, str] = {
    **dict.fromkeys(("ultrasound", "us", "busi", "echo", "sonography"), "ultrasound"),
    **dict.fromkeys(("xray", "cxr", "radiograph", "radiographs"), "X-ray"),
    **dict.fromkeys(("mri", "mr", "flair"), "MRI"),
    "ct": "CT",
    **dict.fromkeys(("dermoscopy", "isic"), "dermoscopy"),
    "fundus": "fundus photography",
    "oct": "optical coherence tomography",
    **dict.fromkeys(("colonoscopy", "polyp", "polyps", "kvasir"), "colonoscopy"),
    **dict.fromkeys(("histology", "histopathology"), "histology"),
    **dict.fromkeys(("microscopy", "nuclei", "cells"), "microscopy"),
    "pet": "PET",
}
ANATOMIES: Mapping[str, str] = {
    **dict.fromkeys(("breast", "busi"), "breast"),
    **dict.fromkeys(("chest", "cxr", "lung", "lungs"), "chest"),
    **dict.fromkeys(("heart", "cardiac"), "heart"),
    **dict.fromkeys(("skin", "isic"), "skin"),
    **dict.fromkeys(("retina", "fundus"), "retina"),
    **dict.fromkeys(("colon", "polyp", "polyps", "colonoscopy"), "colon"),
    **dict.fromkeys(("brain", "hippocampus"), "brain"),
    **{word: word for word in ("liver", "kidney", "prostate", "spleen", "pancreas", "thyroid")},
    **{word: word for word in ("abdomen", "knee", "hip", "spine", "bladder", "uterus", "placenta")},
}


def guess_modality(name: str) -> str:
    """The modality that a folder's name says, "" for none."""
    return _first(name, MODALITIES)


def guess_anatomy(name: str) -> str:
    """The anatomy that a folder's name says, "" for none."""
    return _first(name, ANATOMIES)


def _first(name: str, known: Mapping[str, str]) -> str:
    return next((known[word] for word in words(name) if word in known), "")
