"""What tasks lean on: settings, Dask, Prefect, MLflow, progress."""
