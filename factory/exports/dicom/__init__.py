"""DICOM: pairs as Secondary Capture, volumes as series, each with segmentations (SEG)."""
