"""`python -m benchmarks.people`."""

from benchmarks.people import main

main()
