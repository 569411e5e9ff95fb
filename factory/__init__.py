"""Makes image-mask pairs: prompts, sources, models, training, sampling, generators, store."""
