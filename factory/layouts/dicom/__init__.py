"""DICOM as hospitals hand it out."""
