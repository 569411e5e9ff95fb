"""Do masks fit images: judges, surfaces, findings, prompts, folds, anatomy."""
