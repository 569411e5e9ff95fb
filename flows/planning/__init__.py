"""What a recipe says, what is wrong with it, and what it would cost."""
