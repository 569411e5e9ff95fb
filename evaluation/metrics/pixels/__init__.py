"""Metrics that are read off pixels alone: no judge, no network and no set of features is asked."""
