"""A loop that draws pairs where a downstream model fails: what speaks for each facet, and what came of it."""
