"""One HTML page that says what a version of pairs is worth."""
