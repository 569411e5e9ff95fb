"""Prefect tasks, and what they share: settings, the cluster, the record of runs."""

from tasks.services.environment import quieten

# Before any submodule, hence before the libraries it imports, which read these at import.
quieten()
