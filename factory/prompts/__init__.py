"""What pairs are asked for: prompts, grids of them, and the words they become."""
