"""What the benchmark of MediSyn looks at beside alignment: paraphrases, and distinctness."""
