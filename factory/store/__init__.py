"""The versioned home of a data set: arrays, runs, shards, versions."""
