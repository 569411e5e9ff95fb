"""The flows, the recipe they follow, and the command line."""

from tasks.services.environment import quieten

# Before any submodule, hence before Prefect, which reads the environment at import.
quieten()
