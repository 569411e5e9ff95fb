"""Before a run: a folder becomes a recipe, images get masks, a few pairs are looked at."""
