"""Files of annotations: which images they are of, and which classes they name."""
