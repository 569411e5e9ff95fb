"""What is said of an image in words: facts, captions, and captions found again."""
