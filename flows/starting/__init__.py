"""From a folder of one's own images and masks to a recipe that runs."""
