"""DICOM: files, series of slices, and what turns their numbers into grey levels."""
