"""Prefect tasks: thin wrappers that call `factory` and `evaluation`; the only importer of MLflow."""
