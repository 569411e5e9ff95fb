"""What a version's scores say in short: six questions, each answered in a word and a sentence."""
