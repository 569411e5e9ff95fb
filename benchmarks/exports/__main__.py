"""`python -m benchmarks.exports`."""

from benchmarks.exports import main

main()
