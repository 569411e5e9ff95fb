"""What a run shows in Prefect: progress, its verdict; told in the background, so that no run waits for it."""
